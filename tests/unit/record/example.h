/* example.h: one run in which every kind of event of a run's chain happens. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "story.h"

struct line {
	int64_t ms;
	const char *who;
	enum event_kind kind;
	const char *payload;
};

static const struct line example[] = {
	{0, "op1", EVENT_RUN_STARTED,
		"{'plan':'aa','mode':'drill','runbook':{'name':'failover','title':'Fail over','version':7,"
		"'digest':'dd','path':'failover.yaml'},'workspace':{'name':'shop','root':'/w','commit':'c0ffee','dirty':true},"
		"'params':{'reason':'drill'},'files':[{'path':'failover.yaml','sha256':'dd'}],"
		"'services':[{'name':'orders','rto_ms':60000,'rpo_ms':0,'tier':1,'owner':'db'}],"
		"'steps':[{'id':'check','title':'Check','kind':'script','needs':[],'level':0,'expect_ms':1000},"
		"{'id':'promote','title':'Promote','kind':'script','needs':['check'],'level':3,'uses':{'failover.promote':['b']}},"
		"{'id':'tell','title':'Tell','kind':'manual','needs':['check']},"
		"{'id':'which','title':'Which','kind':'decide','needs':['tell']},"
		"{'id':'settle','title':'Settle','kind':'wait','needs':['promote'],'time':'world'}]}"},
	{100, "op1", EVENT_CLOCK_SET, "{'clock':'t0','at_ns':1795010390000000000,'basis':'stated','note':'pager'}"},
	{150, NULL, EVENT_CLOCK_SET, "{'clock':'t1','at_ns':1795010395000000000,'basis':'observed'}"},
	{200, NULL, EVENT_STEP_STARTED, "{'step':'check','attempt':1,'iteration':0}"},
	{210, NULL, EVENT_STEP_PHASE, "{'step':'check','attempt':1,'phase':'run'}"},
	{400, NULL, EVENT_OP_READ,
		"{'step':'check','attempt':1,'ordinal':0,'op':'replication.status','target':'b','args':{},'digest':'r0','ok':true,"
		"'result':{'lag_bytes':0},'began_ns':1795010400210000000,'ended_ns':1795010400390000000}"},
	{500, NULL, EVENT_STEP_FINISHED,
		"{'step':'check','attempt':1,'outcome':'ok','outputs':{'lag':0},'output':{'file':'1.log','bytes':3,'sha256':'ee','cut':false}}"},
	{510, NULL, EVENT_STEP_STARTED, "{'step':'promote','attempt':1,'iteration':0}"},
	{520, NULL, EVENT_STEP_STARTED, "{'step':'tell','attempt':1,'iteration':0}"},
	{521, NULL, EVENT_STEP_ASKED,
		"{'ask':1,'step':'tell','attempt':1,'kind':'manual','level':0,'title':'Tell','text':'Call them','choices':"
		"[{'id':'done','label':'done'}]}"},
	{600, NULL, EVENT_OP_INTENT,
		"{'step':'promote','attempt':1,'ordinal':0,'key':'2042/promote/0/0','op':'failover.promote','target':'b','effect':'costly',"
		"'args':{'wait':'30s'},'digest':'i0','before':{'role':'standby'},'undo':{'op':'failover.rebuild','target':'b','args':{}},"
		"'idempotent':false}"},
	{601, NULL, EVENT_STEP_ASKED,
		"{'ask':2,'step':'promote','attempt':1,'kind':'confirm','level':2,'title':'promote b','text':'costly','digest':'i0',"
		"'choices':[{'id':'yes','label':'do it'},{'id':'no','label':'not'}],'detail':{'op':'failover.promote'}}"},
	{2600, "op1", EVENT_STEP_ANSWERED, "{'ask':2,'step':'promote','answer':'yes','note':'','value':'','digest':'i0'}"},
	{2601, NULL, EVENT_OP_ALLOWED, "{'step':'promote','attempt':1,'ordinal':0,'key':'2042/promote/0/0','digest':'i0'}"},
	{2700, "op2", EVENT_LEAD_TAKEN, "{'who':'op2','from':'op1'}"},
	{3000, NULL, EVENT_RUN_RESUMED, "{'epoch':2,'reason':'a new server','boot_changed':false}"},
	{3001, NULL, EVENT_OP_UNKNOWN, "{'step':'promote','attempt':1,'ordinal':0,'key':'2042/promote/0/0','reason':'no outcome'}"},
	{3002, NULL, EVENT_STEP_FINISHED, "{'step':'promote','attempt':1,'outcome':'unknown','reason':'no outcome'}"},
	{3500, NULL, EVENT_OP_SETTLED,
		"{'step':'promote','attempt':1,'ordinal':0,'key':'2042/promote/0/0','verdict':'done','by':'verify','reason':'it is primary',"
		"'evidence':{'role':'primary'},'result':{'timeline':2}}"},
	{3600, NULL, EVENT_STEP_STARTED, "{'step':'promote','attempt':2,'iteration':0}"},
	{3700, NULL, EVENT_OP_INTENT,
		"{'step':'promote','attempt':2,'ordinal':1,'key':'2042/promote/0/1','op':'dns.point','target':'d','effect':'change',"
		"'args':{},'digest':'i1','allowed':true}"},
	{3800, NULL, EVENT_OP_RESULT,
		"{'step':'promote','attempt':2,'ordinal':1,'key':'2042/promote/0/1','ok':true,'result':{},'began_ns':1795010403710000000,"
		"'ended_ns':1795010403790000000,'source':'worker'}"},
	{3900, NULL, EVENT_OP_INTENT,
		"{'step':'promote','attempt':2,'ordinal':2,'key':'2042/promote/0/2','op':'dns.point','target':'x','effect':'change',"
		"'args':{},'digest':'i2'}"},
	{3901, NULL, EVENT_OP_REFUSED, "{'step':'promote','attempt':2,'ordinal':2,'key':'2042/promote/0/2','reason':'not in uses'}"},
	{4000, NULL, EVENT_STEP_PHASE, "{'step':'promote','attempt':2,'phase':'verify'}"},
	{5000, NULL, EVENT_STEP_FINISHED, "{'step':'promote','attempt':2,'outcome':'ok','outputs':{}}"},
	{5000, NULL, EVENT_SERVICE_MARKED, "{'service':'orders','reached':'restored','step':'promote'}"},
	{5001, NULL, EVENT_SERVICE_MARKED, "{'service':'orders','reached':'verified','step':'promote'}"},
	{5002, NULL, EVENT_RECOVERY_MEASURED,
		"{'service':'orders','step':'promote','lost':0,'unit':'orders','acknowledged':512,'rpa_ms':0,"
		"'recovery_point_ns':1795010390000000000,'basis':'counted'}"},
	{6000, "op2", EVENT_NOTE_ADDED, "{'text':'slow today','step':'tell'}"},
	{6050, "op2", EVENT_DEVIATION_RECORDED,
		"{'what':'override','rule':'live-clean','reason':'the fix is not committed yet','step':''}"},
	{6060, "op2", EVENT_DEBRIS_KEPT,
		"{'step':'promote','attempt':2,'ordinal':1,'key':'2042/promote/0/1','reason':'it is looked at tomorrow'}"},
	{6070, "op3", EVENT_STEP_APPROVED, "{'ask':1,'step':'tell','word':'approve','note':'fine'}"},
	{6080, "op2", EVENT_RUN_ADOPTED,
		"{'plan':'bb','runbook':{'version':8,'digest':'de'},'files':[{'path':'failover.yaml','sha256':'de'}],'reason':'the wait was too short',"
		"'steps':[{'id':'settle','title':'Settle longer','kind':'wait','needs':['promote'],'time':'world'}]}"},
	{6100, "op2", EVENT_RUN_PAUSED, "{'reason':'coffee'}"},
	{6200, "op2", EVENT_RUN_CONTINUED, "{}"},
	{6300, "op2", EVENT_STEP_ANSWERED, "{'ask':1,'step':'tell','answer':'done','note':'rang','value':'Ann','digest':''}"},
	{6301, "op2", EVENT_STEP_FINISHED, "{'step':'tell','attempt':1,'outcome':'ok','outputs':{'value':'Ann'}}"},
	{6302, NULL, EVENT_STEP_STARTED, "{'step':'settle','attempt':1,'iteration':0}"},
	{6400, "op2", EVENT_STEP_FINISHED, "{'step':'which','attempt':0,'outcome':'skipped','reason':'nobody to tell'}"},
	{7000, NULL, EVENT_STEP_FINISHED, "{'step':'settle','attempt':1,'outcome':'ok'}"},
	{7100, "op2", EVENT_SERVICE_MARKED, "{'service':'orders','reached':'normal','step':'settle'}"},
	{7200, "op2", EVENT_RUN_ABORTING, "{'reason':'enough for today','undo':false}"},
	{7300, NULL, EVENT_RUN_ENDED, "{'status':'done','reason':''}"},
};

#endif
