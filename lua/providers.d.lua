---@meta _
-- What the providers can do, for editors that read LuaCATS annotations.  Written from the
-- provider tables by `drillbook providers --luacats`; no run ever loads it.  Times are
-- milliseconds or texts ("30s"), sizes bytes or texts ("16MiB"); in results they are
-- whole numbers.  The words that are not a provider's are in sandbox.d.lua.

---@class drillbook.action
action = {}

---@class drillbook.action.read.params
---@field name string an action that the target declares under actions:
---@field args? table the action's parameters: text, whole numbers, true or false; default {}

---@class drillbook.action.read.results
---@field status? integer command, ssh: the program's exit status; http: HTTP status
---@field took_ms? integer how long it ran (ms)
---@field out? string output: text; at most 64 KiB
---@field lines? string[] output: lines; at most 10,000
---@field json? any output: json; numbers with a fraction are text
---@field truncated? boolean command, ssh: not everything it wrote is here; http: body is not all of it
---@field latency_ms? integer request to end of answer (ms)
---@field body_bytes? integer size of the answer (bytes)
---@field body? string output: text; at most 64 KiB

---command (read): run a program that is declared to change nothing
---
---http (read): send a declared request that changes nothing
---
---ssh (read): run a program there that is declared to change nothing
---
---@param target string of provider command, http, ssh
---@param params drillbook.action.read.params
---@return drillbook.action.read.results
function action.read(target, params) end

---@class drillbook.action.run.params
---@field name string an action that the target declares under actions:
---@field args? table the action's parameters: text, whole numbers, true or false; default {}

---@class drillbook.action.run.results
---@field status? integer command, ssh: the program's exit status; http: HTTP status
---@field took_ms? integer how long it ran (ms)
---@field out? string output: text; at most 64 KiB
---@field lines? string[] output: lines; at most 10,000
---@field json? any output: json; numbers with a fraction are text
---@field truncated? boolean command, ssh: not everything it wrote is here; http: body is not all of it
---@field latency_ms? integer request to end of answer (ms)
---@field body_bytes? integer size of the answer (bytes)
---@field body? string output: text; at most 64 KiB

---command (irreversible, undo action.run): run a declared program; its class is the one it declares
---
---http (irreversible, undo action.run): send a declared request; its class is the one it declares
---
---ssh (irreversible, undo action.run): run a declared program there; its class is the one it declares
---
---@param target string of provider command, http, ssh
---@param params drillbook.action.run.params
---@return drillbook.action.run.results
function action.run(target, params) end

---@class drillbook.backup
backup = {}

---@class drillbook.backup.archive.results
---@field file? string the WAL file that was closed
---@field lsn? string where it ends
---@field took_ms? integer how long it took (ms)

---postgres (change): close the WAL file under way and wait until the archive has it
---
---@param target string of provider postgres
---@return drillbook.backup.archive.results
function backup.archive(target) end

---@class drillbook.backup.points.params
---@field limit? integer at most so many; default 100
---@field before_ms? integer only those that are not later than this (epoch) (ms)
---@field dir? string directory of the backups

---@class drillbook.backup.points.results
---@field points? any borg, files, restic: newest first; each: id, time_ms, paths, and when known host, tags, key, trees; mariadb, redis: newest first: path, recovery_point_ms, bytes, sha256 of each; pgbackrest, postgres: newest first: id, time_ms (everything committed before is in it), time_basis, stop_ms (from here on a point in time can be reached), start_lsn, end_lsn, bytes, label, …; problem when it cannot be used
---@field count? integer borg, files, restic: how many there are in all; mariadb, redis: how many; pgbackrest, postgres: how many there are
---@field newest_ms? integer borg, files, restic: time of the first one (ms); pgbackrest, postgres: time_ms of the newest without a problem (ms)
---@field age_ms? integer borg, files, restic: how old it is now (ms); pgbackrest, postgres: how long ago that was (ms)
---@field unknown? string[] borg, files, restic: without a point: both; pgbackrest, postgres: names of members that could not be told; they are absent
---@field newest_age_ms? integer since the newest recovery point; absent when there is none (ms)
---@field incomplete? string[] backups that were cut off, or are being made
---@field retention? table pgBackRest: how many are kept, as configured
---@field status? string pgBackRest: its word on the stanza
---@field archives? any pgBackRest: id, min and max of the WAL files it has

---borg (read): the archives, newest first
---
---files (read): the points in the store, newest first
---
---mariadb (read): the backups in a directory, newest first
---
---pgbackrest (read): the stanza's backups, newest first, its WAL and its retention
---
---postgres (read): the base backups in backup_dir, newest first, and how far the archive reaches
---
---redis (read): the backups in a directory, newest first
---
---restic (read): the restore points, newest first
---
---@param target string of provider borg, files, mariadb, pgbackrest, postgres, redis, restic
---@param params? drillbook.backup.points.params
---@return drillbook.backup.points.results
function backup.points(target, params) end

---@class drillbook.backup.start.params
---@field paths? string[]|string directories (or files), from / on
---@field exclude? string[]|string borg, restic: patterns to leave out; files: patterns of rsync to leave out
---@field digest? boolean borg, restic: read the trees once more, so that a restore can be compared; not with exclude; default true; files: read the tree once more, so that point and restore can be compared; default true
---@field allow_partial? boolean a point without the files that could not be read is no failure; default false
---@field checksum? boolean compare contents with the point before, not size and time; default false
---@field to? string mariadb, redis: the backup's name on this host; must not be there; sqlite: file that is not there yet
---@field type? "full"|"diff"|"incr" what it is built on: nothing, the last full, the last of any kind; default incr
---@field checkpoint? "fast"|"spread" spread waits for the next one and loads the server less; default fast
---@field max_rate? integer|string bytes per second, from 32KiB; 0 = as fast as it goes (bytes); default 0

---@class drillbook.backup.start.results
---@field id? string borg, files, restic: of the point; pgbackrest, postgres: name of the recovery point
---@field recovery_point_ms? integer borg, files, restic: its time (ms); mariadb, redis: wall time the data is of (ms); pgbackrest, postgres: everything committed before is in it (ms); sqlite: wall time of the newest data in it (ms)
---@field recovery_point_basis? string borg, files, restic: what that time is; mariadb, pgbackrest, postgres, redis: how that is known; sqlite: heartbeat row in the copy, or the time the copy began
---@field files? integer borg, files, restic: in it; mariadb, redis: how many; pgbackrest, postgres: in its manifest
---@field bytes? integer borg, files, restic: in it (bytes); mariadb, redis: of all its files (bytes); pgbackrest, postgres: of its files (bytes); sqlite: of the file (bytes)
---@field added_bytes? integer that the repository did not have (bytes)
---@field partial? boolean files that could not be read are missing
---@field trees? table path to digest
---@field unknown? string[] trees, when no digest was made or the tree changed meanwhile
---@field took_ms? integer borg, files, restic: all of it (ms); mariadb, pgbackrest, postgres, redis, sqlite: how long it took (ms)
---@field path? string mariadb, redis, sqlite: the backup; pgbackrest, postgres: its directory
---@field sha256? string mariadb, redis: of the file, or of the list sha256sum would print for the tree; sqlite: of the file
---@field stop_ms? integer from here on a point in time can be restored to (ms)
---@field start_lsn? string first WAL it needs
---@field end_lsn? string where it is consistent
---@field timeline? integer of end_lsn
---@field system_id? string the cluster's identity
---@field kind? string snapshot
---@field version? string of PostgreSQL
---@field label? string with the key of its call
---@field type? string full, diff, incr
---@field prior? string what it is built on
---@field repo? integer number of its repository
---@field stored_bytes? integer what it added to the repository (bytes)

---borg (change): make an archive of directories
---
---files (change): copy the tree into a new directory of the store
---
---mariadb (change): copy the running server's data (mariadb-backup), ready to be started on
---
---pgbackrest (change): back the stanza up, and expire what its retention no longer keeps
---
---postgres (change): base backup (pg_basebackup) with a manifest into backup_dir
---
---redis (change): let the server save (BGSAVE) and copy what it wrote
---
---restic (change): make a restore point of directories
---
---sqlite (change): online backup to a new file
---
---@param target string of provider borg, files, mariadb, pgbackrest, postgres, redis, restic, sqlite
---@param params? drillbook.backup.start.params
---@return drillbook.backup.start.results
function backup.start(target, params) end

---@class drillbook.backup.verify.params
---@field data? boolean|string borg: decrypt and check every chunk, besides the structure and its checksums; default true; restic: how much of the data is read: all, none (structure only), 10%, 1/7, 2G; default all
---@field point? string borg: read one point only, as a restore would (id, name, or latest); files: its id or the beginning of it; latest = the newest; default latest
---@field before_ms? integer with latest: the newest that is not later than this (epoch) (ms)
---@field from? string mariadb, redis, sqlite: the backup; pgbackrest: judge this backup, what it is built on, and the WAL; default: the whole stanza; postgres: id of a recovery point; default: the newest
---@field min_keys? integer fewer keys than that are an error; default 1
---@field sha256? string what backup.start gave
---@field tables? string[]|string count the rows of these

---@class drillbook.backup.verify.results
---@field ok? boolean borg, restic: nothing is wrong in what was read; files: it is what was backed up; pgbackrest, postgres: everything was read and is as it was written; redis: whole, and not empty; sqlite: whole, and every reference leads somewhere
---@field point? string the point that was read
---@field took_ms? integer how long it took (ms)
---@field tree? string SHA-256 over paths, types, sizes and contents
---@field files? integer files: regular files; mariadb: how many; pgbackrest, postgres: in its manifest; redis: 1
---@field directories? integer directories
---@field links? integer symbolic links
---@field bytes? integer files: in the files (bytes); mariadb: of all its files (bytes); pgbackrest, postgres: of its files (bytes); redis: its size (bytes); sqlite: of the file (bytes)
---@field sha256? string mariadb: of the list of its files; redis, sqlite: of the file
---@field recovery_point_ms? integer mariadb, redis: wall time the data is of (ms); sqlite: wall time of the newest data in it (ms)
---@field id? string name of the recovery point
---@field path? string its directory
---@field stop_ms? integer from here on a point in time can be restored to (ms)
---@field start_lsn? string first WAL it needs
---@field end_lsn? string where it is consistent
---@field timeline? integer of end_lsn
---@field system_id? string the cluster's identity
---@field kind? string snapshot
---@field version? string of PostgreSQL
---@field label? string with the key of its call
---@field type? string full, diff, incr
---@field prior? string what it is built on
---@field repo? integer number of its repository
---@field stored_bytes? integer what it added to the repository (bytes)
---@field time_ms? integer everything committed before is in it (ms)
---@field time_basis? string how that is known
---@field errors? string[] the first of what is wrong
---@field error_count? integer how much is wrong
---@field backups? integer how many the stanza has
---@field wal_until_lsn? string what can be replayed from the archive without a gap
---@field wal_archived_ms? integer when the last WAL file before a gap got into the archive (ms)
---@field wal_missing? string first WAL file of a gap in the archive, when later ones are there
---@field keys? integer as redis-check-rdb counts them
---@field data? string how much was read
---@field integrity? string ok, or what PRAGMA integrity_check found first
---@field rows? table table to number of rows
---@field unknown? string[] names of members that could not be determined; they are absent

---borg (read): read the repository and every chunk in it, or one point
---
---files (read): read a whole point where it is and compare its digest
---
---mariadb (read): compare every byte of a backup with its description
---
---pgbackrest (read): read every file and every WAL file of the repository
---
---postgres (read): read a whole base backup against its manifest (pg_verifybackup)
---
---redis (read): compare a backup with its description and let redis-check-rdb read it
---
---restic (read): read the repository's structure and data, or a part of the data
---
---sqlite (read): read a whole backup: digest, structure, references
---
---@param target string of provider borg, files, mariadb, pgbackrest, postgres, redis, restic, sqlite
---@param params? drillbook.backup.verify.params
---@return drillbook.backup.verify.results
function backup.verify(target, params) end

---@class drillbook.data
data = {}

---@class drillbook.data.compare.params
---@field query? string declared query that gives the surviving sequence numbers, best in ascending order
---@field args? table its parameters by name; default {}
---@field acked? string the client's log, lines "epoch_ms seq ok|fail"; default: setting acked
---@field after_ms? integer mariadb, postgres, sqlite: only writes acknowledged after this wall time: the last loss that was counted before, for drills in a row (ms); redis: only writes acknowledged after this wall time (ms)
---@field before_ms? integer mariadb, postgres, sqlite: only writes acknowledged before this wall time: the impact, for the loss of a run (ms); redis: only writes acknowledged before this wall time (ms)
---@field list? string the list that holds the sequence numbers that survived

---@class drillbook.data.compare.results
---@field acknowledged? integer writes the client was promised
---@field failed? integer writes it was not promised; they may exist
---@field survived? integer acknowledged writes the database holds
---@field extra? integer rows that were not acknowledged
---@field lost? integer acknowledged writes the database does not hold
---@field first_lost? integer sequence number, by time of acknowledgement
---@field last_lost? integer sequence number, by time of acknowledgement
---@field first_lost_at_ms? integer wall time (ms)
---@field last_lost_at_ms? integer wall time (ms)
---@field recovery_point_ms? integer wall time of the newest acknowledged write before the first lost one (ms)
---@field lost_span_ms? integer from the recovery point to the last lost write; 0 when nothing is lost (ms)
---@field unknown? string[] members that could not be determined
---@field basis? string sentinel writes

---mariadb (read): count a client's acknowledged writes that the database lost
---
---postgres (read): count a client's acknowledged writes that the database lost
---
---redis (read): count a client's acknowledged writes that the database lost
---
---sqlite (read): count a client's acknowledged writes that the database lost
---
---@param target string of provider mariadb, postgres, redis, sqlite
---@param params? drillbook.data.compare.params
---@return drillbook.data.compare.results
function data.compare(target, params) end

---@class drillbook.data.get.params
---@field key string a key with a string

---@class drillbook.data.get.results
---@field exists? boolean it is there
---@field value? string its value, when it is there
---@field keys? integer all keys of the database

---redis (read): read one key
---
---@param target string of provider redis
---@param params drillbook.data.get.params
---@return drillbook.data.get.results
function data.get(target, params) end

---@class drillbook.data.query.params
---@field query string a query of the target's queries: that is declared effect: read
---@field args? table its parameters by name; default {}

---@class drillbook.data.query.results
---@field columns? string[] names of the columns
---@field rows? any an array of arrays
---@field count? integer rows given
---@field value? any the first cell of the first row
---@field truncated? boolean there were more than 10,000 rows or 8 MiB

---mariadb (read): run a declared query in a read-only transaction
---
---postgres (read): run a declared query in a read-only transaction
---
---sqlite (read): run a declared query on a read-only connection
---
---@param target string of provider mariadb, postgres, sqlite
---@param params drillbook.data.query.params
---@return drillbook.data.query.results
function data.query(target, params) end

---@class drillbook.data.write.params
---@field statement string a statement of the target's queries: whose declared effect is not read
---@field args? table its parameters by name; default {}

---@class drillbook.data.write.results
---@field changed? integer rows the statement touched
---@field already? boolean its verify query held before: nothing was sent

---mariadb (irreversible): run a declared statement, of the class it declares
---
---postgres (irreversible): run a declared statement, of the class it declares
---
---sqlite (irreversible): run a declared statement, of the class it declares, in a transaction that obeys the role
---
---@param target string of provider mariadb, postgres, sqlite
---@param params drillbook.data.write.params
---@return drillbook.data.write.results
function data.write(target, params) end

---@class drillbook.dns
dns = {}

---@class drillbook.dns.get.params
---@field name string the whole name
---@field type? "A"|"AAAA"|"CNAME"|"SRV"|"TXT" the kind of record; default A

---@class drillbook.dns.get.results
---@field name? string what was asked, with the final dot
---@field type? string the kind of record
---@field server? string who answered
---@field values? string[] sorted; names in lower case with the final dot
---@field ttl_s? integer -1 when there are no values (s)
---@field exists? boolean there is at least one value
---@field rcode? string NOERROR or NXDOMAIN (no such name)
---@field aliases? string[] the names a CNAME led over

---dns (read): what the authoritative server says
---
---@param target string of provider dns
---@param params drillbook.dns.get.params
---@return drillbook.dns.get.results
function dns.get(target, params) end

---@class drillbook.dns.point.params
---@field name string the whole name
---@field type? "A"|"AAAA"|"CNAME"|"SRV"|"TXT" the kind of record; default A
---@field to string[]|string the new values; an empty list takes the record set away
---@field from? string[]|string the values it must have now; what prepare has read when absent
---@field ttl? integer of the new values; the old one's when absent (s)
---@field wait? integer|string how long the authority may take to answer with the new values (ms); default 10s

---@class drillbook.dns.point.results
---@field name? string what was changed, with the final dot
---@field type? string the kind of record
---@field values? string[] what the authority answers now
---@field ttl_s? integer their TTL (s)
---@field old? string[] what it was
---@field caches_s? integer how long caches may keep that (s)
---@field visible_after_ms? integer until the authority answered with the new values (ms)
---@field changed? boolean false: it had been like that already

---dns (costly, undo dns.point): change a record set if it still is what it was
---
---@param target string of provider dns
---@param params drillbook.dns.point.params
---@return drillbook.dns.point.results
function dns.point(target, params) end

---@class drillbook.dns.resolve.params
---@field name string the whole name
---@field type? "A"|"AAAA"|"CNAME"|"SRV"|"TXT" the kind of record; default A
---@field resolver? string HOST or HOST@PORT; the setting resolver, else the system's, when absent

---@class drillbook.dns.resolve.results
---@field name? string what was asked, with the final dot
---@field type? string the kind of record
---@field server? string who answered
---@field values? string[] sorted; names in lower case with the final dot
---@field ttl_s? integer -1 when there are no values (s)
---@field exists? boolean there is at least one value
---@field rcode? string NOERROR or NXDOMAIN (no such name)
---@field aliases? string[] the names a CNAME led over

---dns (read): what a resolver says, caches and all
---
---@param target string of provider dns
---@param params drillbook.dns.resolve.params
---@return drillbook.dns.resolve.results
function dns.resolve(target, params) end

---@class drillbook.dns.wait.params
---@field name string the whole name
---@field type? "A"|"AAAA"|"CNAME"|"SRV"|"TXT" the kind of record; default A
---@field want string[]|string the values to wait for
---@field servers? string[]|string who must answer so, HOST or HOST@PORT; the target's server when absent
---@field wait? integer|string how long; caches keep the old values for the old TTL (ms); default 2m
---@field interval? integer|string between two questions to one server (ms); default 500ms

---@class drillbook.dns.wait.results
---@field servers? any each: server, values, ttl_s, after_ms
---@field waited_ms? integer until the last agreed (ms)

---dns (read): wait until every server named answers with the wanted values
---
---@param target string of provider dns
---@param params drillbook.dns.wait.params
---@return drillbook.dns.wait.results
function dns.wait(target, params) end

---@class drillbook.failover
failover = {}

---@class drillbook.failover.fence.params
---@field mode? "immediate"|"fast"|"refuse"|"shutdown" postgres: how a local server is ended; fast sends what it has to its standbys first; default immediate; redis: refuse: it answers and refuses every write; shutdown: it saves and ends, and is not started again by us; default refuse
---@field keep? boolean write it to the server's configuration file, too, so that it survives a restart; default true

---@class drillbook.failover.fence.results
---@field level? string mariadb: soft: it refuses ordinary users; down: nobody listens, and it comes back read-only; postgres: hard (processes ended, cannot come back writable) or soft (asked to be read-only); redis: soft (it refuses writes), hard (its process has ended), or down (nobody listens, and it comes back refusing writes); sqlite: row: writers that look at the role row are refused
---@field how? string what was done
---@field kept? boolean mariadb: fence_file says so, too: it survives a restart; redis: it survives a restart
---@field gtid? string the last it wrote
---@field took_ms? integer how long it took (ms)
---@field offset? integer soft: the last it wrote (bytes)

---mariadb (costly, undo failover.unfence): make an old primary read-only
---
---postgres (costly, undo failover.unfence): make sure that an old primary takes no writes, also when it is started by accident
---
---redis (costly, undo failover.unfence): make sure that an old primary takes no writes
---
---sqlite (costly, undo failover.unfence): make an old primary refuse writes
---
---@param target string of provider mariadb, postgres, redis, sqlite
---@param params? drillbook.failover.fence.params
---@return drillbook.failover.fence.results
function failover.fence(target, params) end

---@class drillbook.failover.precheck.params
---@field max_transactions? integer most that may be received and not applied; default 1000
---@field max_age? integer|string mariadb: most that the heartbeat may be old; without one, most that it may be behind, which is unknown without a primary (ms); default 10s; postgres, sqlite: most that the heartbeat row may be old, when there is one (ms); default 10s; redis: most that the heartbeat may be old; without one, most that the replica may have heard nothing (ms); default 10s
---@field max_lag_bytes? integer|string postgres: most that may be received and not replayed (bytes); default 16MiB; redis: most that may be received and not applied (bytes); default 16MiB
---@field heartbeat? string table in place of the setting heartbeat
---@field rewind? boolean demand that the old primary can be rewound later; default true
---@field max_rows_behind? integer when the peer can be read; default 1000

---@class drillbook.failover.precheck.results
---@field ok? boolean true: a failed check raises PRECONDITION and names it
---@field checks? any name, ok, detail of each
---@field role? string primary, replica or down
---@field version? string of the server
---@field gtid? string its position
---@field read_only? boolean ordinary users may not write
---@field writable? boolean mariadb: a primary that may be written; redis: takes a write now
---@field primary? string replica: whom it follows, HOST@PORT
---@field receiver? string replica: Yes, No, Connecting
---@field applier? boolean replica: it applies
---@field uses_gtid? boolean replica: follows by GTID
---@field received_gtid? string replica: received
---@field lag_transactions? integer replica: received and not applied
---@field lag_s? integer replica: Seconds_Behind_Master; unknown while it does not run (s)
---@field basis? string mariadb: what the lag is; redis: what lag_bytes is
---@field last_error? string replica: of a thread
---@field heartbeat_at_ms? integer mariadb: of the heartbeat row (ms); redis: of the heartbeat key (ms)
---@field heartbeat_age_ms? integer mariadb, redis: its age: the only clock that is right both idle and cut off (ms); postgres, sqlite: when there is a heartbeat (ms)
---@field unknown? string[] mariadb, postgres, redis: names of members the server could not tell; they are absent; sqlite: names of members that could not be determined; they are absent
---@field lag_bytes? integer postgres: received and not replayed (bytes); redis: see basis (bytes)
---@field timeline? integer of the WAL it writes or follows
---@field system_id? string the cluster's identity
---@field lsn? string written (primary) or replayed (standby)
---@field run_id? string of its process
---@field replication_id? string the history it writes or follows
---@field offset? integer of that history: written, or applied (bytes)
---@field fenced? boolean by failover.fence
---@field loading? boolean is reading its data
---@field replicas? any primary: address, state, lag_bytes, acknowledged_ms of each
---@field link? string replica: up, down, syncing
---@field received_offset? integer replica: received, perhaps not yet applied (bytes)
---@field silent_ms? integer replica: since it last heard of its primary; whole seconds (ms)
---@field rows_behind? integer when the peer can be read
---@field epoch? integer each promotion raises it

---mariadb (read): may this replica be promoted; raises PRECONDITION naming what does not hold
---
---postgres (read): may this standby be promoted; raises PRECONDITION naming what does not hold
---
---redis (read): may this replica be promoted; raises PRECONDITION naming what does not hold
---
---sqlite (read): may this standby be promoted; raises PRECONDITION naming what does not hold
---
---@param target string of provider mariadb, postgres, redis, sqlite
---@param params? drillbook.failover.precheck.params
---@return drillbook.failover.precheck.results
function failover.precheck(target, params) end

---@class drillbook.failover.promote.params
---@field silent? "refuse"|"accept" an old primary that does not answer; accept: it is fenced by other means; default refuse
---@field wait? integer|string mariadb: how long to wait until everything received, or everything a fenced primary wrote, is applied (ms); default 10s; postgres: how long pg_promote waits before we look ourselves (ms); default 60s; redis: how long to wait for the last bytes of a fenced primary (ms); default 5s
---@field until_lsn? string refuse unless everything up to here is replayed: until_lsn of failover.stop_primary
---@field until_wait? integer|string how long to wait for until_lsn (ms); default 10s
---@field checkpoint? boolean checkpoint afterwards, without which pg_rewind of the old primary does nothing; default true
---@field keep? boolean write it to the server's configuration file, too, so that it survives a restart; default true
---@field unfenced? boolean promote although the peer can be read and is a primary: two take writes; default false

---@class drillbook.failover.promote.results
---@field took_ms? integer how long it took (ms)
---@field gtid? string its position
---@field recovery_point_ms? integer wall time of the newest data that survived (ms)
---@field recovery_point_basis? string mariadb, redis: how that is known; postgres: heartbeat row, or the last replayed commit; sqlite: heartbeat row
---@field unknown? string[] mariadb, postgres, redis: names of members the server could not tell; they are absent; sqlite: names of members that could not be determined; they are absent
---@field timeline? integer of the WAL it writes or follows
---@field system_id? string the cluster's identity
---@field lsn? string written (primary) or replayed (standby)
---@field checkpoint? boolean was done
---@field checkpoint_ms? integer how long it took (ms)
---@field offset? integer where the old history ends here (bytes)
---@field replication_id? string of the new history
---@field writable? boolean takes a write now
---@field kept? boolean it survives a restart
---@field epoch? integer each promotion raises it

---mariadb (irreversible): make this replica the primary, when the old one is gone or fenced
---
---postgres (irreversible): make this standby the primary; what it has not received is lost
---
---redis (irreversible): make this replica the primary (REPLICAOF NO ONE), when the old one is gone or fenced
---
---sqlite (irreversible): make this standby the primary of the next epoch; what it has not received is lost
---
---@param target string of provider mariadb, postgres, redis, sqlite
---@param params? drillbook.failover.promote.params
---@return drillbook.failover.promote.results
function failover.promote(target, params) end

---@class drillbook.failover.rejoin.params
---@field source_host string the new primary
---@field source_port? integer its port; default 5432
---@field source_user? string role there, with the right to replicate; default: the target's user
---@field slot? string replication slot on the source, made when it is not there
---@field standby_name? string application_name of the stream; default: the target's name

---@class drillbook.failover.rejoin.results
---@field timeline? integer of the WAL it writes or follows
---@field system_id? string the cluster's identity
---@field lsn? string written (primary) or replayed (standby)
---@field took_ms? integer how long it took (ms)
---@field way? string rejoin, rewind or reseed
---@field data_ms? integer time spent on the data (ms)
---@field streaming_ms? integer from its answering to its streaming (ms)
---@field slot_created? boolean the slot was not there
---@field kept? string reseed: where the old directory is

---postgres (costly): start a cleanly stopped old primary as a standby of the new one
---
---@param target string of provider postgres
---@param params drillbook.failover.rejoin.params
---@return drillbook.failover.rejoin.results
function failover.rejoin(target, params) end

---@class drillbook.failover.reverse.params
---@field source_host? string mariadb: the new primary, as both drillbook and this server reach it; postgres: the new primary; redis: the new primary, as the server itself reaches it
---@field source_port? integer mariadb: its port; default 3306; postgres: its port; default 5432; redis: its port; default 6379
---@field gtid? string the position to follow from: of the backup, for a server that was built from one; default: its own
---@field source_user? string role there, with the right to replicate; default: the target's user
---@field slot? string replication slot on the source, made when it is not there
---@field standby_name? string application_name of the stream; default: the target's name
---@field reseed? boolean copy the whole database (pg_basebackup) beside the old directory and exchange the two; default false
---@field keep? boolean write it to the server's configuration file, too, so that it survives a restart; default true

---@class drillbook.failover.reverse.results
---@field kept? boolean|string mariadb: fence_file says so, too: it survives a restart; postgres: reseed: where the old directory is; redis: it survives a restart
---@field took_ms? integer how long it took (ms)
---@field timeline? integer of the WAL it writes or follows
---@field system_id? string the cluster's identity
---@field lsn? string written (primary) or replayed (standby)
---@field way? string rejoin, rewind or reseed
---@field data_ms? integer time spent on the data (ms)
---@field streaming_ms? integer from its answering to its streaming (ms)
---@field slot_created? boolean the slot was not there
---@field discarded_bytes? integer of its history that the new primary never had; unknown when they share none (bytes)
---@field unknown? string[] names of members the server could not tell; they are absent
---@field epoch? integer each promotion raises it

---mariadb (costly): make an old primary a replica of the new one, when it has nothing of its own
---
---postgres (costly): make an old primary a standby of the new one: pg_rewind, or a new copy
---
---redis (costly): make an old primary a replica of the new one; what only it had is thrown away
---
---sqlite (costly): replace an old primary by a copy of the new one, as its standby
---
---@param target string of provider mariadb, postgres, redis, sqlite
---@param params? drillbook.failover.reverse.params
---@return drillbook.failover.reverse.results
function failover.reverse(target, params) end

---@class drillbook.failover.stop_primary.results
---@field until_lsn? string who has replayed this has everything: give it to failover.promote
---@field state? string pg_controldata's word
---@field timeline? integer of the last checkpoint
---@field system_id? string the cluster's identity
---@field took_ms? integer how long it took (ms)

---postgres (costly, undo service.start): first half of a switchover: stop the primary so that its standbys have everything
---
---@param target string of provider postgres
---@return drillbook.failover.stop_primary.results
function failover.stop_primary(target) end

---@class drillbook.failover.switchover.params
---@field to_host? string the replica, as both drillbook and this server reach it
---@field to_port? integer its port; default 3306
---@field wait? integer|string mariadb: how long writes may stand still while it catches up; then they go on where they were (ms); default 10s; postgres: how long pg_promote waits before we look ourselves (ms); default 60s; redis: how long writes may stand still while it catches up; then nothing has changed (ms); default 10s
---@field standby_host? string the standby that takes over
---@field standby_port? integer its port; default 5432
---@field standby_user? string role there, that may promote and replicate; default: the target's user
---@field slot? string replication slot there for the old primary, made when it is not there
---@field standby_name? string application_name of the old primary's stream; default: the target's name
---@field max_lag_bytes? integer|string most that the standby may be behind before it begins (bytes); default 16MiB
---@field until_wait? integer|string how long the standby may take for the rest; then the old primary is started again (ms); default 30s
---@field to? string the replica, HOST@PORT as replication.status names it; default: the only one
---@field keep? boolean write it to the server's configuration file, too, so that it survives a restart; default true

---@class drillbook.failover.switchover.results
---@field took_ms? integer how long it took (ms)
---@field primary? string the new one, HOST@PORT
---@field gtid? string the last of the old one, applied at both
---@field timeline? integer of the WAL it writes or follows
---@field system_id? string the cluster's identity
---@field lsn? string written (primary) or replayed (standby)
---@field until_lsn? string where the old primary ended; all of it is there
---@field gap_ms? integer from the stop of the old primary to the new one's taking writes (ms)
---@field streaming_ms? integer from the old primary's answering to its streaming (ms)
---@field slot_created? boolean the slot was not there
---@field offset? integer after it (bytes)
---@field kept? boolean it survives a restart

---mariadb (costly): hand this primary's role to a replica that has everything, and follow it
---
---postgres (costly): planned and without loss: stop this primary, promote a standby that has everything, follow it
---
---redis (costly): hand this primary's role to a replica that has everything (FAILOVER TO)
---
---@param target string of provider mariadb, postgres, redis
---@param params? drillbook.failover.switchover.params
---@return drillbook.failover.switchover.results
function failover.switchover(target, params) end

---@class drillbook.failover.unfence.params
---@field keep? boolean write it to the server's configuration file, too, so that it survives a restart; default true

---@class drillbook.failover.unfence.results
---@field kept? boolean mariadb: fence_file says so, too: it survives a restart; redis: it survives a restart
---@field level? string hard or soft

---mariadb (costly, undo failover.fence): let a fenced primary take writes again
---
---postgres (costly, undo failover.fence): take a fence away; the server is not started
---
---redis (costly, undo failover.fence): take a fence away and put back what was set before
---
---sqlite (costly, undo failover.fence): make a fenced database the primary again, unless its peer is one
---
---@param target string of provider mariadb, postgres, redis, sqlite
---@param params? drillbook.failover.unfence.params
---@return drillbook.failover.unfence.results
function failover.unfence(target, params) end

---@class drillbook.health
health = {}

---@class drillbook.health.probe.params
---@field url? string a URL, or a path below the setting url
---@field method? "GET"|"HEAD" GET or HEAD; default GET
---@field expect? any|"any"|"primary"|"replica"|"writable"|"standby" http: the status to expect: 200, "2xx", or a list; any 2xx when absent; mariadb, postgres, redis, sqlite: raise PRECONDITION when it is something else; default any
---@field contains? string http: text the body must hold; tcp: text that must stand in the first 64 KiB it says
---@field max_latency? integer|string the slowest answer that counts as well (ms)
---@field timeout? integer|string http: for one answer (ms); default 10s; tcp: for sending and for the answer, after connecting (ms); default 5s
---@field redirects? integer how many to follow (not with a secret); default 0
---@field raise? boolean http: an unhealthy answer is an error; false = it is returned as healthy = false; default true; tcp: an unhealthy service is an error; false = it is returned as healthy = false; default true
---@field port? integer in place of the setting port
---@field send? string text to send after connecting
---@field match? string POSIX extended regular expression that must match; ^ and $ are those of a line

---@class drillbook.health.probe.results
---@field healthy? boolean http: everything was as expected; tcp: connected, and said what it should
---@field url? string what was asked
---@field status? integer HTTP status; 0 = no answer
---@field latency_ms? integer request to end of answer (ms)
---@field body_bytes? integer read of the body (bytes)
---@field excerpt? string the start of the body, as one line
---@field code? string when unhealthy: the error's code
---@field reason? string when unhealthy: what is wrong
---@field ok? boolean mariadb, postgres, redis: answers, and is what was expected; sqlite: opens, and is what was expected
---@field role? string mariadb: primary or replica; unknown to a user who may not ask; postgres: primary or standby; redis: primary or replica; sqlite: none without a table drillbook_role
---@field writable? boolean mariadb: not read-only, and no replica it knows of; postgres: takes writes; redis: takes a write now; sqlite: may be written by who obeys the role row
---@field version? string of the server
---@field connect_us? integer time to connect (us)
---@field latency_us? integer mariadb, postgres: time of one small query (us); redis: time of one PING (us); sqlite: time to open and ask (us); tcp: time to the first byte of the answer (us)
---@field epoch? integer each promotion raises it
---@field state? string open, refused (the machine answers, nobody listens), silent, unreachable, closed, wrong_answer
---@field answer? string the first 200 bytes it said

---http (read): ask one URL and compare the answer with what is expected
---
---mariadb (read): connect, ask, and time it
---
---postgres (read): connect, ask, and time it
---
---redis (read): connect, ask, and time it
---
---sqlite (read): open, ask, and time it
---
---tcp (read): connect, and look at what the other side says
---
---@param target string of provider http, mariadb, postgres, redis, sqlite, tcp
---@param params? drillbook.health.probe.params
---@return drillbook.health.probe.results
function health.probe(target, params) end

---@class drillbook.health.probe_all.params
---@field urls string[]|string URLs, or paths below the setting url; at most 5000
---@field method? "GET"|"HEAD" GET or HEAD; default GET
---@field expect? any the status to expect: 200, "2xx", or a list; any 2xx when absent
---@field contains? string text the body must hold
---@field max_latency? integer|string the slowest answer that counts as well (ms)
---@field timeout? integer|string for one answer (ms); default 10s
---@field at_once? integer how many are under way together; default 100
---@field need? integer how many must be healthy; all when absent
---@field raise? boolean fewer than need healthy is an error; false = it is only returned; default true

---@class drillbook.health.probe_all.results
---@field enough? boolean at least need are healthy
---@field total? integer how many were asked
---@field healthy? integer how many are well
---@field slowest_ms? integer the slowest answer (ms)
---@field results? any one health.probe result for each, in order

---http (read): ask many URLs at the same time
---
---@param target string of provider http
---@param params drillbook.health.probe_all.params
---@return drillbook.health.probe_all.results
function health.probe_all(target, params) end

---@class drillbook.metric
metric = {}

---@class drillbook.metric.alarms.params
---@field name? string only alerts of this name
---@field labels? table only alerts with these labels; default {}
---@field state? "any"|"active"|"suppressed"|"firing"|"pending" only alerts in this state; default any

---@class drillbook.metric.alarms.results
---@field active? integer how many are told to somebody
---@field suppressed? integer how many are silenced or inhibited
---@field alarms? any alertmanager: each: name, state, labels, silenced_by, starts_at_ms; prometheus: each: name, state, labels, value, milli, active_at_ms
---@field firing? integer how many fire
---@field pending? integer how many are about to

---alertmanager (read): the alerts Alertmanager holds, and which of them nobody is told of
---
---prometheus (read): which alerts fire or are pending
---
---@param target string of provider alertmanager, prometheus
---@param params? drillbook.metric.alarms.params
---@return drillbook.metric.alarms.results
function metric.alarms(target, params) end

---@class drillbook.metric.delete.params
---@field job string the group's job
---@field labels? table the group's other labels; default {}

---pushgateway (change, undo metric.delete): take a group out of the gateway
---
---@param target string of provider pushgateway
---@param params drillbook.metric.delete.params
---@return table
function metric.delete(target, params) end

---@class drillbook.metric.push.params
---@field job string the group's job
---@field labels? table the group's other labels; default {}
---@field metrics table name = whole number, number as text, or {value, type, help}
---@field replace? boolean the group holds nothing else afterwards; false: other names stay; default true

---@class drillbook.metric.push.results
---@field pushed? integer how many values, read back
---@field pushed_at_ms? integer the gateway's time of it (ms)

---pushgateway (change, undo metric.push): put values into a group and read them back
---
---@param target string of provider pushgateway
---@param params drillbook.metric.push.params
---@return drillbook.metric.push.results
function metric.push(target, params) end

---@class drillbook.metric.query.params
---@field query? string PromQL
---@field at_ms? integer evaluate at this time (since 1970); now when absent (ms)
---@field max_age? integer|string refuse samples older than this; only for a plain series (ms)
---@field allow_empty? boolean no series at all is no error; default false
---@field job? string the group's job
---@field labels? table the group's other labels; default {}

---@class drillbook.metric.query.results
---@field value? string as it came; with exactly one series
---@field milli? integer the value times 1000, rounded; absent for NaN, infinity and what is too large
---@field at_ms? integer when it was measured; only of a plain series (ms)
---@field age_ms? integer prometheus: its age; likewise (ms); pushgateway: how long ago that is (ms)
---@field labels? table of that series
---@field samples? any each: labels, value, milli, at_ms, age_ms; at most 1000
---@field count? integer how many series
---@field evaluated_at_ms? integer the server's time of evaluation (ms)
---@field basis? string sample (at_ms is the sample's) or evaluation (its age is not known)
---@field warnings? string[] what the server warned of
---@field there? boolean whether there is such a group
---@field values? table name -> value, as text
---@field pushed_at_ms? integer when it was pushed last (ms)

---prometheus (read): evaluate an expression and say how old what it gives is
---
---pushgateway (read): what a group holds and how old it is
---
---@param target string of provider prometheus, pushgateway
---@param params? drillbook.metric.query.params
---@return drillbook.metric.query.results
function metric.query(target, params) end

---@class drillbook.metric.silence.params
---@field matchers table the labels an alert must have, each with its value
---@field length? integer|string how long, from now; at most a week (ms)
---@field until_ms? integer or until this time (since 1970) (ms)
---@field comment? string what others read beside it; default silenced for a run

---@class drillbook.metric.silence.results
---@field id? string Alertmanager's name for it
---@field state? string as read again
---@field ends_at_ms? integer when it ends (ms)

---alertmanager (change, undo metric.silence): tell nobody of these alerts for a while
---
---@param target string of provider alertmanager
---@param params drillbook.metric.silence.params
---@return drillbook.metric.silence.results
function metric.silence(target, params) end

---@class drillbook.metric.silences.results
---@field active? integer how many are in force now
---@field silences? any each: id, state, ends_at_ms, matchers, comment, created_by

---alertmanager (read): the silences in force
---
---@param target string of provider alertmanager
---@return drillbook.metric.silences.results
function metric.silences(target) end

---@class drillbook.metric.unsilence.params
---@field id? string what metric.silence returned
---@field matchers? table or the matchers of a silence that drillbook made

---@class drillbook.metric.unsilence.results
---@field id? string Alertmanager's name for it
---@field state? string as read again
---@field ends_at_ms? integer when it ends (ms)

---alertmanager (change, undo metric.unsilence): end a silence before its time
---
---@param target string of provider alertmanager
---@param params? drillbook.metric.unsilence.params
---@return drillbook.metric.unsilence.results
function metric.unsilence(target, params) end

---@class drillbook.notify
notify = {}

---@class drillbook.notify.open.params
---@field summary string one line
---@field text? string more of it
---@field incident? string which incident of this run, when it has several; default run
---@field details? table name -> text or whole number; default {}
---@field link? string where more is to be read
---@field severity? "critical"|"error"|"warning"|"info" how bad it is; default error

---@class drillbook.notify.open.results
---@field via? string the setting
---@field incident? string the key the three have in common
---@field id? string the Message-ID, the dedup_key, or the call's key
---@field answer? string what the other side said
---@field attempts? integer how often it was sent

---notify (change, undo notify.open): tell that something is open
---
---@param target string of provider notify
---@param params drillbook.notify.open.params
---@return drillbook.notify.open.results
function notify.open(target, params) end

---@class drillbook.notify.resolve.params
---@field summary string one line
---@field text? string more of it
---@field incident? string which incident of this run, when it has several; default run
---@field details? table name -> text or whole number; default {}
---@field link? string where more is to be read

---@class drillbook.notify.resolve.results
---@field via? string the setting
---@field incident? string the key the three have in common
---@field id? string the Message-ID, the dedup_key, or the call's key
---@field answer? string what the other side said
---@field attempts? integer how often it was sent

---notify (change): tell that it is over
---
---@param target string of provider notify
---@param params drillbook.notify.resolve.params
---@return drillbook.notify.resolve.results
function notify.resolve(target, params) end

---@class drillbook.notify.update.params
---@field summary string one line
---@field text? string more of it
---@field incident? string which incident of this run, when it has several; default run
---@field details? table name -> text or whole number; default {}
---@field link? string where more is to be read
---@field severity? "critical"|"error"|"warning"|"info" how bad it is; default error

---@class drillbook.notify.update.results
---@field via? string the setting
---@field incident? string the key the three have in common
---@field id? string the Message-ID, the dedup_key, or the call's key
---@field answer? string what the other side said
---@field attempts? integer how often it was sent

---notify (change): tell how it goes on
---
---@param target string of provider notify
---@param params drillbook.notify.update.params
---@return drillbook.notify.update.results
function notify.update(target, params) end

---@class drillbook.provision
provision = {}

---@class drillbook.provision.apply.params
---@field plan string the digest that provision.plan returned

---@class drillbook.provision.apply.results
---@field added? integer how many were made
---@field changed? integer how many were changed
---@field destroyed? integer how many were destroyed
---@field outputs? table those that are not sensitive
---@field took_ms? integer all of it (ms)

---terraform (irreversible, undo provision.apply): apply exactly the plan that was shown
---
---@param target string of provider terraform
---@param params drillbook.provision.apply.params
---@return drillbook.provision.apply.results
function provision.apply(target, params) end

---@class drillbook.provision.check.params
---@field playbook? string its file
---@field limit? string only hosts of this pattern
---@field tags? string[]|string only tasks with these tags
---@field skip_tags? string[]|string no tasks with these tags
---@field vars? table ansible: extra variables, besides the setting's; default {}; terraform: variables, besides the setting's; default {}

---@class drillbook.provision.check.results
---@field hosts? table host -> ok, changed, failures, unreachable, skipped, rescued, ignored
---@field changed? integer how many changes
---@field changes? any each: host, task; at most 200
---@field unseen? integer tasks of which check mode cannot say what they would do
---@field clean? boolean ansible: nothing would be changed, and that is certain; terraform: nothing would be done and nothing has drifted
---@field create? integer how many are made
---@field update? integer how many change in place
---@field destroy? integer how many are destroyed
---@field replace? integer how many are destroyed and made anew
---@field other? integer how many imported, forgotten
---@field actions? any each: address, action; at most 200
---@field effect? string what applying it is: change, costly or irreversible
---@field effect_reason? string why
---@field drift? any what is not as the state says; each: address, action
---@field serial? integer of the state it was made from

---ansible (read): what a playbook would change, without changing it
---
---terraform (read): is everything as configured, and as the state says
---
---@param target string of provider ansible, terraform
---@param params? drillbook.provision.check.params
---@return drillbook.provision.check.results
function provision.check(target, params) end

---@class drillbook.provision.output.results
---@field outputs? table name -> value
---@field sensitive? string[] names of those that are not shown

---terraform (read): the outputs of the state
---
---@param target string of provider terraform
---@return drillbook.provision.output.results
function provision.output(target) end

---@class drillbook.provision.plan.params
---@field vars? table variables, besides the setting's; default {}
---@field only? string[]|string addresses; with what they need, nothing else
---@field replace? string[]|string addresses that are to be made anew
---@field destroy? boolean a plan to destroy everything; default false

---@class drillbook.provision.plan.results
---@field plan? string the digest of the saved plan: what provision.apply takes
---@field empty? boolean nothing would be done
---@field create? integer how many are made
---@field update? integer how many change in place
---@field destroy? integer how many are destroyed
---@field replace? integer how many are destroyed and made anew
---@field other? integer how many imported, forgotten
---@field actions? any each: address, action; at most 200
---@field effect? string what applying it is: change, costly or irreversible
---@field effect_reason? string why
---@field drift? any what is not as the state says; each: address, action
---@field serial? integer of the state it was made from

---terraform (read): make a plan, save it and say what it would do
---
---@param target string of provider terraform
---@param params? drillbook.provision.plan.params
---@return drillbook.provision.plan.results
function provision.plan(target, params) end

---@class drillbook.provision.play.params
---@field playbook string its file
---@field limit? string only hosts of this pattern
---@field tags? string[]|string only tasks with these tags
---@field skip_tags? string[]|string no tasks with these tags
---@field vars? table extra variables, besides the setting's; default {}
---@field preview? boolean run it in check mode first and show what it would change; default true
---@field undo? string the playbook that takes it back

---@class drillbook.provision.play.results
---@field hosts? table host -> ok, changed, failures, unreachable, skipped, rescued, ignored
---@field changed? integer how many changes
---@field changes? any each: host, task; at most 200
---@field outputs? table what set_stats left
---@field facts? table host -> what set_fact set
---@field took_ms? integer all of it (ms)

---ansible (irreversible, undo provision.play): run a playbook; its class is the one the target declares
---
---@param target string of provider ansible
---@param params drillbook.provision.play.params
---@return drillbook.provision.play.results
function provision.play(target, params) end

---@class drillbook.provision.remove.params
---@field addresses string[]|string what is destroyed; refused when anything else would be

---@class drillbook.provision.remove.results
---@field added? integer how many were made
---@field changed? integer how many were changed
---@field destroyed? integer how many were destroyed
---@field outputs? table those that are not sensitive
---@field took_ms? integer all of it (ms)

---terraform (irreversible): destroy these addresses and nothing else
---
---@param target string of provider terraform
---@param params drillbook.provision.remove.params
---@return drillbook.provision.remove.results
function provision.remove(target, params) end

---@class drillbook.replication
replication = {}

---@class drillbook.replication.canary.params
---@field wait? integer|string how long it may take to arrive (ms); default 1m
---@field replica_host? string where the marker must arrive; when absent it is read back where it was written
---@field replica_port? integer mariadb: its port; default 3306; redis: its port; default 6379
---@field table? string table of the markers, made when it is not there; default drillbook_canary
---@field standby_host? string where the marker must arrive; the target's own credentials are used
---@field standby_port? integer its port; default 5432
---@field key_prefix? string the marker is KEY_PREFIX:TARGET; default drillbook:canary

---@class drillbook.replication.canary.results
---@field marker_ms? integer when it was written (ms)
---@field lag_ms? integer until it was seen there (ms)
---@field basis? string files: how that was obtained; mariadb, postgres, redis: how it was measured
---@field arrived_ms? integer mariadb: from its commit to its being readable (ms); postgres: from the commit to its being readable at the standby (ms); redis: from its acknowledgement to its being readable (ms)

---files (change): write the marker and time its arrival at the copy
---
---mariadb (change): write a marker on the primary and time its arrival
---
---postgres (change): write a marker on the primary and time its arrival at a standby
---
---redis (change): write a marker on the primary and time its arrival
---
---@param target string of provider files, mariadb, postgres, redis
---@param params? drillbook.replication.canary.params
---@return drillbook.replication.canary.results
function replication.canary(target, params) end

---@class drillbook.replication.compare.results
---@field equal? boolean true: a difference raises FAILED
---@field source? table tree, files, directories, links, bytes
---@field copy? table the same

---files (read): read tree and copy whole and compare their digests
---
---@param target string of provider files
---@return drillbook.replication.compare.results
function replication.compare(target) end

---@class drillbook.replication.status.params
---@field max_age? integer|string raise PRECONDITION when the copy is older, or its age is not known (ms)
---@field allow_down? boolean mariadb, postgres, redis: give role = down in place of an error when it cannot be reached; default false; sqlite: give role = down in place of an error when it cannot be opened; default false
---@field heartbeat? string table in place of the setting heartbeat

---@class drillbook.replication.status.results
---@field arrived? boolean a marker is at the copy
---@field marker_ms? integer the time in it (epoch) (ms)
---@field age_ms? integer how old that is now (ms)
---@field source_readable? boolean the tree's own marker is there
---@field source_marker_ms? integer the time in it (ms)
---@field behind_ms? integer it minus the copy's (ms)
---@field basis? string files, sqlite: what all this is taken from; mariadb: what the lag is; postgres: what lag_bytes is the difference of; redis: what lag_bytes is
---@field unknown? string[] files: what could not be determined; mariadb, postgres, redis: names of members the server could not tell; they are absent; sqlite: names of members that could not be determined; they are absent
---@field role? string mariadb, redis: primary, replica or down; postgres: primary, standby or down; sqlite: primary, standby, fenced, restored or down
---@field version? string of the server
---@field gtid? string its position
---@field read_only? boolean ordinary users may not write
---@field writable? boolean mariadb: a primary that may be written; redis: takes a write now
---@field primary? string replica: whom it follows, HOST@PORT
---@field receiver? string mariadb: replica: Yes, No, Connecting; postgres: standby: state of the WAL receiver, none when there is none
---@field applier? boolean replica: it applies
---@field uses_gtid? boolean replica: follows by GTID
---@field received_gtid? string replica: received
---@field lag_transactions? integer replica: received and not applied
---@field lag_s? integer replica: Seconds_Behind_Master; unknown while it does not run (s)
---@field last_error? string replica: of a thread
---@field heartbeat_at_ms? integer mariadb: of the heartbeat row (ms); postgres, sqlite: its time (ms); redis: of the heartbeat key (ms)
---@field heartbeat_age_ms? integer mariadb, redis: its age: the only clock that is right both idle and cut off (ms); postgres: age of the heartbeat row: the only clock that is right both idle and cut off (ms); sqlite: age of the heartbeat row (ms)
---@field in_recovery? boolean true on a standby
---@field timeline? integer of the WAL it writes or follows
---@field system_id? string the cluster's identity
---@field lsn? string written (primary) or replayed (standby)
---@field lag_bytes? integer see basis (bytes)
---@field lag_ms? integer age of the newest data there: of the heartbeat row, else 0 when everything received is replayed and it streams, else of the last replayed commit; on a primary the slowest standby's replay lag (ms)
---@field lag_basis? string which of these lag_ms is
---@field streaming? boolean the stream is up
---@field slot? string standby: the slot it streams through; absent when there is none
---@field wal_status? string primary: the worst of its slots: reserved, extended, unreserved, lost
---@field receive_lsn? string standby: received
---@field replay_lsn? string standby: replayed
---@field replay_paused? boolean standby
---@field replay_age_ms? integer standby: age of the last replayed commit; grows while nothing is written (ms)
---@field recovery_point_ms? integer standby: time of the last replayed commit, by the primary's clock (ms)
---@field standbys? any primary: name, state, sync_state, lag_bytes, flush_lag_bytes, replay_lag_ms of each
---@field slots? any primary: name, active, wal_status, retained_bytes, safe_bytes of each
---@field run_id? string of its process
---@field replication_id? string the history it writes or follows
---@field offset? integer of that history: written, or applied (bytes)
---@field fenced? boolean by failover.fence
---@field loading? boolean is reading its data
---@field replicas? any primary: address, state, lag_bytes, acknowledged_ms of each
---@field link? string replica: up, down, syncing
---@field received_offset? integer replica: received, perhaps not yet applied (bytes)
---@field silent_ms? integer replica: since it last heard of its primary; whole seconds (ms)
---@field epoch? integer each promotion raises it
---@field last_row? integer highest rowid of setting table
---@field rows_behind? integer the peer's last_row minus ours
---@field peer_readable? boolean the peer could be opened
---@field peer_role? string the peer's role
---@field peer_epoch? integer the peer's epoch

---files (read): how old the copy is, by the marker file that arrived there
---
---mariadb (read): role, position and lag of one server, and how the lag was obtained
---
---postgres (read): role, timeline and lag of one server, and how the lag was obtained
---
---redis (read): role, history and lag of one server, and how the lag was obtained
---
---sqlite (read): role, epoch and lag of one database, and how the lag was obtained
---
---@param target string of provider files, mariadb, postgres, redis, sqlite
---@param params? drillbook.replication.status.params
---@return drillbook.replication.status.results
function replication.status(target, params) end

---@class drillbook.restore
restore = {}

---@class drillbook.restore.cleanup.params
---@field to? string borg, files, restic: what restore.start made; pgbackrest, postgres: directory that restore.start made
---@field path? string a directory that restore.start has made

---@class drillbook.restore.cleanup.results
---@field path? string what is gone
---@field took_ms? integer how long it took (ms)

---borg (irreversible): remove a tree that restore.start made, and nothing else
---
---files (irreversible): remove a tree that restore.start made, and nothing else
---
---mariadb (costly): remove a directory that restore.start has made
---
---pgbackrest (costly): remove a restored cluster that restore.start made in a new directory
---
---postgres (costly): remove a restored cluster that restore.start made in a new directory
---
---redis (costly): remove a directory that restore.start has made
---
---restic (irreversible): remove a tree that restore.start made, and nothing else
---
---@param target string of provider borg, files, mariadb, pgbackrest, postgres, redis, restic
---@param params? drillbook.restore.cleanup.params
---@return drillbook.restore.cleanup.results
function restore.cleanup(target, params) end

---@class drillbook.restore.start.params
---@field point? string its id or the beginning of it; latest = the newest; default latest
---@field before_ms? integer with latest: the newest that is not later than this (epoch) (ms)
---@field path? string the directory of the point that becomes to; its only path when absent
---@field to? string borg, files, restic: the directory; new or empty unless overwrite; mariadb, redis: a new directory; must not be there; pgbackrest, postgres: directory of the restored cluster; new or empty; sqlite: where to; default: the target's database
---@field overwrite? boolean borg, files, restic: replace a directory that holds something; it is kept beside; default false; pgbackrest, postgres: put it in the place of the cluster that is there; the old directory is kept beside; default false; sqlite: replace a database that is there; a copy of it is kept beside; default false
---@field from? string mariadb, redis, sqlite: the backup; pgbackrest, postgres: id of a recovery point; default: the newest that was finished before the target
---@field target_time? string replay up to here: 2026-11-18T14:02:31.123Z
---@field target_time_ms? integer the same in milliseconds since 1970 (ms)
---@field target_lsn? string replay up to this LSN
---@field target_xid? integer replay up to this transaction
---@field target_name? string replay up to this point of pg_create_restore_point
---@field target_immediate? boolean no further than the backup itself; without any target everything the archive has is replayed; default false
---@field inclusive? boolean the transaction at the target is replayed too; default true
---@field timeline? string to follow: latest, current or a number; default latest
---@field archive? boolean leave archive_mode as it was; else the restored cluster archives nothing; default false

---@class drillbook.restore.start.results
---@field path? string borg, files, restic: the restored directory; mariadb, redis: the new directory; pgbackrest, postgres: the restored cluster; sqlite: the restored database
---@field point? string the point it was restored from
---@field recovery_point_ms? integer borg, files, restic: the point's time (ms); mariadb, redis: wall time the data is of (ms)
---@field expected_tree? string the digest noted at backup, when there is one
---@field kept? string borg, files, restic: where what was there is now; pgbackrest, postgres: overwrite: where the old one is; sqlite: copy of what was there
---@field took_ms? integer how long it took (ms)
---@field detail? table what the backup knows of its server: version, and its position (gtid; replication_id and offset)
---@field bytes? integer mariadb, redis: restored (bytes); pgbackrest, postgres: of the backup (bytes)
---@field from? string id of the recovery point
---@field target? string where its recovery will end when it is started
---@field copy_ms? integer copying and checking the copy (ms)

---borg (irreversible, undo restore.cleanup): restore an archive to a new directory, or in place of one
---
---files (irreversible, undo restore.cleanup): restore a point to a new directory, or in place of one
---
---mariadb (change, undo restore.cleanup): put a backup into a new data directory
---
---pgbackrest (irreversible, undo restore.cleanup): a backup and a point in time to a new directory; nothing is started
---
---postgres (irreversible, undo restore.cleanup): a base backup and a point in time to a new directory; nothing is started
---
---redis (change, undo restore.cleanup): put a backup into a new directory, for a server with appendonly no
---
---restic (irreversible, undo restore.cleanup): restore a point to a new directory, or in place of one
---
---sqlite (irreversible): restore a backup to a new place, or over a database
---
---@param target string of provider borg, files, mariadb, pgbackrest, postgres, redis, restic, sqlite
---@param params? drillbook.restore.start.params
---@return drillbook.restore.start.results
function restore.start(target, params) end

---@class drillbook.restore.validate.params
---@field to? string borg, files, restic: the restored directory; pgbackrest, postgres: directory that restore.start made
---@field tree? string the digest it must have
---@field like? string a tree it must be equal to
---@field min_files? integer fewer files are a failure: an empty tree proves nothing; default 1
---@field path? string mariadb: a directory that restore.start has made; redis: the directory that holds dump.rdb; sqlite: database; default: the target's
---@field min_tables? integer fewer tables of users than that are an error; default 1
---@field tables? string[]|string mariadb: tables to check whole and to count, SCHEMA.TABLE; pgbackrest, postgres, sqlite: count the rows of these
---@field query? string a declared query whose first cell must be a positive number or true
---@field args? table its parameters by name; default {}
---@field checks? string[]|string queries of the target's queries:, effect: read, without parameters, whose first cell must be true or above 0
---@field pages? boolean read every page when the cluster has checksums; default true
---@field config? table settings of PostgreSQL the private server needs, such as shared_preload_libraries; default {}
---@field min_keys? integer fewer keys than that are an error; default 1

---@class drillbook.restore.validate.results
---@field tree? string SHA-256 over paths, types, sizes and contents
---@field files? integer regular files
---@field directories? integer directories
---@field links? integer symbolic links
---@field bytes? integer in the files (bytes)
---@field ok? boolean borg, files, restic: it is what it should be; mariadb: a server starts on it and finds it whole; pgbackrest, postgres: recovered, and every check holds; redis: whole, and not empty; sqlite: whole, and every reference leads somewhere
---@field compared_with? string what with
---@field differences? table with like: missing, extra and changed names, at most 20 each
---@field point? string the point it was restored from
---@field recovery_point_ms? integer borg, files, restic: its time (ms); pgbackrest, postgres, sqlite: wall time of the newest data in it (ms)
---@field tables? integer of users
---@field rows? table mariadb: of the tables checked; pgbackrest, postgres, sqlite: table to number of rows
---@field value? any of the query
---@field recovery_point_basis? string heartbeat row, the last replayed commit, or the backup's own time
---@field last_commit_ms? integer of the last replayed commit (ms)
---@field heartbeat_at_ms? integer of the heartbeat row (ms)
---@field checks? table check to its first cell
---@field pages? string checked, damaged, or no checksums
---@field from? string id of the recovery point
---@field timeline? integer that the restored cluster opened
---@field system_id? string the cluster's identity
---@field lsn? string where it stands
---@field recovery_ms? integer from the start to its being open (ms)
---@field took_ms? integer how long it took (ms)
---@field unknown? string[] pgbackrest, postgres: names of members that could not be told; they are absent; sqlite: names of members that could not be determined; they are absent
---@field keys? integer as redis-check-rdb counts them
---@field integrity? string ok, or what PRAGMA integrity_check found first

---borg (read): read a whole restored tree and compare its digest
---
---files (read): read a whole restored tree and compare its digest
---
---mariadb (read): start a server on a restored directory, without network, and check what it finds
---
---pgbackrest (change): start a restored cluster where nobody sees it, ask it, stop it
---
---postgres (change): start a restored cluster where nobody sees it, ask it, stop it
---
---redis (read): let redis-check-rdb read a restored directory
---
---restic (read): read a whole restored tree and compare its digest
---
---sqlite (read): read a whole database: structure, references, rows
---
---@param target string of provider borg, files, mariadb, pgbackrest, postgres, redis, restic, sqlite
---@param params? drillbook.restore.validate.params
---@return drillbook.restore.validate.results
function restore.validate(target, params) end

---@class drillbook.service
service = {}

---@class drillbook.service.start.results
---@field pid? integer of the postmaster
---@field took_ms? integer how long it took (ms)

---postgres (change, undo service.stop): start the server of a local data directory
---
---@param target string of provider postgres
---@return drillbook.service.start.results
function service.start(target) end

---@class drillbook.service.stop.results
---@field until_lsn? string who has replayed this has everything: give it to failover.promote
---@field state? string pg_controldata's word
---@field timeline? integer of the last checkpoint
---@field system_id? string the cluster's identity
---@field took_ms? integer how long it took (ms)

---postgres (costly, undo service.start): stop the server of a local data directory (fast shutdown)
---
---@param target string of provider postgres
---@return drillbook.service.stop.results
function service.stop(target) end

---@class drillbook.traffic
traffic = {}

---@class drillbook.traffic.drain.params
---@field backend? string the setting backend when absent
---@field server? string its name
---@field wait? integer|string haproxy: how long to wait until it has no sessions left; 0 = not at all (ms); default 1m; keepalived: how long to wait until the address has left this host; 0 = not at all (ms); default 15s

---@class drillbook.traffic.drain.results
---@field backend? string its name
---@field up? integer how many servers are up
---@field servers? any each: name, address, admin (ready, drain, maint), op, status, check, up, backup, weight, sessions, queue
---@field changed? integer servers put into another state
---@field up_after_ms? integer the wait for UP (ms)
---@field took_ms? integer all of it (ms)
---@field value? integer the number in the file
---@field file? boolean the file is there
---@field admin? string ready, drain or other
---@field holds? boolean the address is on this host
---@field unknown? string[] what could not be seen
---@field moved_after_ms? integer the wait for the address (ms)

---haproxy (change, undo traffic.restore): let no new traffic to a server and wait for the old
---
---keepalived (change, undo traffic.restore): lower this node's priority and wait until the address has left it
---
---@param target string of provider haproxy, keepalived
---@param params? drillbook.traffic.drain.params
---@return drillbook.traffic.drain.results
function traffic.drain(target, params) end

---@class drillbook.traffic.maint.params
---@field backend? string the setting backend when absent
---@field server string its name
---@field wait? integer|string how long to wait until it has no sessions left; 0 = not at all (ms); default 0

---@class drillbook.traffic.maint.results
---@field backend? string its name
---@field up? integer how many servers are up
---@field servers? any each: name, address, admin (ready, drain, maint), op, status, check, up, backup, weight, sessions, queue
---@field changed? integer servers put into another state
---@field up_after_ms? integer the wait for UP (ms)
---@field took_ms? integer all of it (ms)

---haproxy (change, undo traffic.restore): take a server out at once
---
---@param target string of provider haproxy
---@param params drillbook.traffic.maint.params
---@return drillbook.traffic.maint.results
function traffic.maint(target, params) end

---@class drillbook.traffic.ready.params
---@field backend? string the setting backend when absent
---@field server? string its name
---@field wait? integer|string haproxy: how long to wait until it is up by a passed health check; 0 = not at all (ms); default 30s; keepalived: how long to wait until the address is here; it does not come back to a node that is no preferred one, or with nopreempt (ms); default 0

---@class drillbook.traffic.ready.results
---@field backend? string its name
---@field up? integer how many servers are up
---@field servers? any each: name, address, admin (ready, drain, maint), op, status, check, up, backup, weight, sessions, queue
---@field changed? integer servers put into another state
---@field up_after_ms? integer the wait for UP (ms)
---@field took_ms? integer all of it (ms)
---@field value? integer the number in the file
---@field file? boolean the file is there
---@field admin? string ready, drain or other
---@field holds? boolean the address is on this host
---@field unknown? string[] what could not be seen
---@field moved_after_ms? integer the wait for the address (ms)

---haproxy (change, undo traffic.restore): let traffic to a server and wait until it is up
---
---keepalived (change, undo traffic.restore): give this node its own priority back
---
---@param target string of provider haproxy, keepalived
---@param params? drillbook.traffic.ready.params
---@return drillbook.traffic.ready.results
function traffic.ready(target, params) end

---@class drillbook.traffic.restore.params
---@field backend? string the setting backend when absent
---@field states? table server -> ready, drain or maint
---@field wait? integer|string how long to wait until those made ready are up; 0 = not at all (ms); default 30s
---@field value? integer the number the file had

---@class drillbook.traffic.restore.results
---@field backend? string its name
---@field up? integer how many servers are up
---@field servers? any each: name, address, admin (ready, drain, maint), op, status, check, up, backup, weight, sessions, queue
---@field changed? integer servers put into another state
---@field up_after_ms? integer the wait for UP (ms)
---@field took_ms? integer all of it (ms)
---@field value? integer the number in the file
---@field file? boolean the file is there
---@field admin? string ready, drain or other
---@field holds? boolean the address is on this host
---@field unknown? string[] what could not be seen
---@field moved_after_ms? integer the wait for the address (ms)

---haproxy (change, undo traffic.restore): put servers back into the states they had
---
---keepalived (change, undo traffic.restore): put back the number the file had
---
---@param target string of provider haproxy, keepalived
---@param params? drillbook.traffic.restore.params
---@return drillbook.traffic.restore.results
function traffic.restore(target, params) end

---@class drillbook.traffic.status.params
---@field backend? string the setting backend when absent

---@class drillbook.traffic.status.results
---@field backend? string its name
---@field up? integer how many servers are up
---@field servers? any each: name, address, admin (ready, drain, maint), op, status, check, up, backup, weight, sessions, queue
---@field value? integer the number in the file
---@field file? boolean the file is there
---@field admin? string ready, drain or other
---@field holds? boolean the address is on this host
---@field unknown? string[] what could not be seen

---haproxy (read): states, weights and sessions of the servers of a backend
---
---keepalived (read): the number in the file, and whether the address is here
---
---@param target string of provider haproxy, keepalived
---@param params? drillbook.traffic.status.params
---@return drillbook.traffic.status.results
function traffic.status(target, params) end

---@class drillbook.traffic.switch.params
---@field backend? string the setting backend when absent
---@field to string the server that is to take the traffic
---@field from? string[]|string the servers it leaves; every other ready one that is no backup when absent
---@field leave? "drain"|"maint" the state they are put into; default drain
---@field wait? integer|string how long to wait until the new server is up by a passed health check; 0 = not at all (ms); default 30s
---@field drain_wait? integer|string how long to wait until the old ones have no sessions left (ms); default 0

---@class drillbook.traffic.switch.results
---@field backend? string its name
---@field up? integer how many servers are up
---@field servers? any each: name, address, admin (ready, drain, maint), op, status, check, up, backup, weight, sessions, queue
---@field changed? integer servers put into another state
---@field up_after_ms? integer the wait for UP (ms)
---@field took_ms? integer all of it (ms)

---haproxy (change, undo traffic.restore): make one server ready, wait until it is up, then drain the others
---
---@param target string of provider haproxy
---@param params drillbook.traffic.switch.params
---@return drillbook.traffic.switch.results
function traffic.switch(target, params) end

---@class drillbook.traffic.weight.params
---@field backend? string the setting backend when absent
---@field server string its name
---@field weight integer 0 = no new traffic

---@class drillbook.traffic.weight.results
---@field weight? integer as read again

---haproxy (change, undo traffic.weight): change a server's share of the traffic
---
---@param target string of provider haproxy
---@param params drillbook.traffic.weight.params
---@return drillbook.traffic.weight.results
function traffic.weight(target, params) end

---@class drillbook.vcs
vcs = {}

---@class drillbook.vcs.clean.params
---@field allow_untracked? boolean files that Git does not know do not count; default false

---@class drillbook.vcs.clean.results
---@field clean? boolean true: anything else raises PRECONDITION
---@field commit? string its id
---@field changed? integer files that differ
---@field untracked? integer files that Git does not know
---@field ignored_untracked? integer of them, not counted
---@field hidden? integer files marked so that changes do not show (assume-unchanged, skip-worktree)
---@field files? any state and path of each, at most 1,000

---git (read): raise PRECONDITION unless the work tree is exactly what the commit says
---
---@param target string of provider git
---@param params? drillbook.vcs.clean.params
---@return drillbook.vcs.clean.results
function vcs.clean(target, params) end

---@class drillbook.vcs.diff.params
---@field since string a commit or tag
---@field to? string a commit or tag; default HEAD
---@field paths? string[]|string only what is below these

---@class drillbook.vcs.diff.results
---@field since? string id of the commit
---@field to? string id of the commit
---@field commits? integer that are in to and not in since
---@field forward? boolean to comes after since
---@field files? any state (added, deleted, changed, type) and path, at most 1,000
---@field count? integer how many files differ
---@field truncated? boolean not all are in files

---git (read): what changed since a commit
---
---@param target string of provider git
---@param params drillbook.vcs.diff.params
---@return drillbook.vcs.diff.results
function vcs.diff(target, params) end

---@class drillbook.vcs.head.params
---@field rev? string which commit; default HEAD

---@class drillbook.vcs.head.results
---@field commit? string its id
---@field tree? string id of its tree
---@field time_ms? integer when it was committed (ms)
---@field author? string name and address
---@field subject? string first line of its message
---@field branch? string that is checked out, if any
---@field detached? boolean no branch is checked out
---@field tags? string[] that point at it

---git (read): which commit, branch and tags it is at
---
---@param target string of provider git
---@param params? drillbook.vcs.head.params
---@return drillbook.vcs.head.results
function vcs.head(target, params) end

---@class drillbook.vcs.verify_signature.params
---@field rev? string which commit; default HEAD
---@field tag? string a signed tag instead of a commit
---@field signers? string[]|string only these of who may sign

---@class drillbook.vcs.verify_signature.results
---@field good? boolean true: anything else raises FAILED
---@field commit? string its id
---@field tag? string the tag that was asked for
---@field signer? string who signed
---@field key? string fingerprint of the key
---@field format? string ssh or openpgp

---git (read): raise FAILED unless a commit or tag is signed by who may sign
---
---@param target string of provider git
---@param params? drillbook.vcs.verify_signature.params
---@return drillbook.vcs.verify_signature.results
function vcs.verify_signature(target, params) end

---@class drillbook.workload
workload = {}

---@class drillbook.workload.apply.params
---@field file? string a manifest: YAML or JSON
---@field manifest? table or the manifest itself

---@class drillbook.workload.apply.results
---@field objects? table kind/name -> created, configured or unchanged

---kubernetes (costly, undo workload.apply): make the cluster hold what a manifest says
---
---@param target string of provider kubernetes
---@param params? drillbook.workload.apply.params
---@return drillbook.workload.apply.results
function workload.apply(target, params) end

---@class drillbook.workload.delete.params
---@field resources string[]|string kind/name of each

---@class drillbook.workload.delete.results
---@field deleted? integer how many are gone

---kubernetes (irreversible): take objects out of the cluster
---
---@param target string of provider kubernetes
---@param params drillbook.workload.delete.params
---@return drillbook.workload.delete.results
function workload.delete(target, params) end

---@class drillbook.workload.get.params
---@field resource string kind/name, such as deployment/shop

---@class drillbook.workload.get.results
---@field kind? string such as Deployment
---@field name? string its name
---@field namespace? string where it is
---@field generation? integer of its spec
---@field observed_generation? integer of the spec that its status is about
---@field replicas? integer how many there are to be
---@field ready? integer how many answer
---@field updated? integer how many are of the newest spec
---@field available? integer how many are ready long enough
---@field conditions? table type -> True, False or Unknown

---kubernetes (read): replicas and conditions of a workload
---
---@param target string of provider kubernetes
---@param params drillbook.workload.get.params
---@return drillbook.workload.get.results
function workload.get(target, params) end

---@class drillbook.workload.restart.params
---@field resource string kind/name, such as deployment/shop
---@field wait? integer|string how long until every replica is new and ready; 0 = not at all (ms); default 5m

---@class drillbook.workload.restart.results
---@field kind? string such as Deployment
---@field name? string its name
---@field namespace? string where it is
---@field generation? integer of its spec
---@field observed_generation? integer of the spec that its status is about
---@field replicas? integer how many there are to be
---@field ready? integer how many answer
---@field updated? integer how many are of the newest spec
---@field available? integer how many are ready long enough
---@field conditions? table type -> True, False or Unknown

---kubernetes (costly): replace every replica by a new one, a few at a time
---
---@param target string of provider kubernetes
---@param params drillbook.workload.restart.params
---@return drillbook.workload.restart.results
function workload.restart(target, params) end

---@class drillbook.workload.rollout.params
---@field resource string kind/name, such as deployment/shop
---@field wait? integer|string how long until every replica is new and ready; 0 = not at all (ms); default 5m

---@class drillbook.workload.rollout.results
---@field kind? string such as Deployment
---@field name? string its name
---@field namespace? string where it is
---@field generation? integer of its spec
---@field observed_generation? integer of the spec that its status is about
---@field replicas? integer how many there are to be
---@field ready? integer how many answer
---@field updated? integer how many are of the newest spec
---@field available? integer how many are ready long enough
---@field conditions? table type -> True, False or Unknown

---kubernetes (read): wait until every replica is of the newest spec and ready
---
---@param target string of provider kubernetes
---@param params drillbook.workload.rollout.params
---@return drillbook.workload.rollout.results
function workload.rollout(target, params) end

---@class drillbook.workload.scale.params
---@field resource string kind/name, such as deployment/shop
---@field replicas integer how many there are to be
---@field wait? integer|string how long until every replica is new and ready; 0 = not at all (ms); default 5m

---@class drillbook.workload.scale.results
---@field kind? string such as Deployment
---@field name? string its name
---@field namespace? string where it is
---@field generation? integer of its spec
---@field observed_generation? integer of the spec that its status is about
---@field replicas? integer how many there are to be
---@field ready? integer how many answer
---@field updated? integer how many are of the newest spec
---@field available? integer how many are ready long enough
---@field conditions? table type -> True, False or Unknown

---kubernetes (change, undo workload.scale): change the number of replicas and wait until they are ready
---
---@param target string of provider kubernetes
---@param params drillbook.workload.scale.params
---@return drillbook.workload.scale.results
function workload.scale(target, params) end

---@class drillbook.workload.wait.params
---@field resource string kind/name, such as deployment/shop
---@field condition? string a condition of its status that is to be True; default Available
---@field wait? integer|string how long to wait for it (ms); default 2m

---@class drillbook.workload.wait.results
---@field kind? string such as Deployment
---@field name? string its name
---@field namespace? string where it is
---@field generation? integer of its spec
---@field observed_generation? integer of the spec that its status is about
---@field replicas? integer how many there are to be
---@field ready? integer how many answer
---@field updated? integer how many are of the newest spec
---@field available? integer how many are ready long enough
---@field conditions? table type -> True, False or Unknown

---kubernetes (read): wait until a condition is true
---
---@param target string of provider kubernetes
---@param params drillbook.workload.wait.params
---@return drillbook.workload.wait.results
function workload.wait(target, params) end
