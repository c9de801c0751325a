# drillbook_events.py: what a playbook does, one JSON object in a line of standard output.
#
# Loaded by ansible-playbook as its output (ANSIBLE_STDOUT_CALLBACK=drillbook_events); read by the
# provider ansible.  Results of tasks with no_log come here without their content; of the others only
# what an operator needs is passed on.
from __future__ import annotations

import json

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: drillbook_events
type: stdout
short_description: events as JSON lines
description: [One JSON object in a line for each play, task, result and for the end.]
"""

TEXT_MAX = 2000
FACTS_MAX = 64 * 1024


def cut(value):
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text[:TEXT_MAX]


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "drillbook_events"

    def tell(self, event, **more):
        print(json.dumps({"event": event, **more}, default=str), flush=True)

    def result(self, status, result, **more):
        data, task = result._result, result._task
        event = {"host": result._host.get_name(), "task": task.get_name(), "status": status, **more}
        event["action"] = task.action
        if status == "ok":
            event["status"] = "changed" if data.get("changed") else "ok"
        if status == "skipped" and self.checking and "skip_reason" not in data and "false_condition" not in data:
            event["unseen"] = True  # the module cannot say what it would do
        if "censored" in data:
            event["text"] = "hidden: no_log"
        elif status in ("failed", "unreachable"):
            words = data.get("msg") or data.get("reason") or ""
            lines = [line for line in words.splitlines() if line.strip()]
            if status == "unreachable" and len(lines) > 1:  # ssh explains itself in its last line
                words = f"{lines[0].split(':')[0]}: {lines[-1]}"
            more = data.get("stderr") or data.get("module_stderr")
            event["text"] = cut(f"{words}: {more}" if more else words)
        if status == "ok" and task.action.split(".")[-1] == "set_fact" and "censored" not in data:
            facts = {k: v for k, v in data.get("ansible_facts", {}).items() if k != "cacheable"}
            if len(json.dumps(facts, default=str)) <= FACTS_MAX:
                event["facts"] = facts
        self.tell("result", **event)
        if data.get("diff") and "censored" not in data:
            shown = self._get_diff(data["diff"])
            if shown:
                self.tell("diff", host=event["host"], task=event["task"], text=cut(shown))

    checking = False

    def v2_playbook_on_start(self, playbook):
        from ansible import context
        self.checking = bool(context.CLIARGS.get("check"))

    def v2_playbook_on_play_start(self, play):
        self.tell("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.tell("task", name=task.get_name(), action=task.action)

    def v2_playbook_on_handler_task_start(self, task):
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result):
        self.result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.result("failed", result, ignored=bool(ignore_errors))

    def v2_runner_on_unreachable(self, result):
        self.result("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self.result("skipped", result)

    def v2_playbook_on_no_hosts_matched(self):
        self.tell("no_hosts")

    def v2_playbook_on_stats(self, stats):
        hosts = {}
        for host in sorted(stats.processed):
            hosts[host] = stats.summarize(host)
        custom = stats.custom.get("_run", {}) if stats.custom else {}
        self.tell("stats", hosts=hosts, outputs=custom)
