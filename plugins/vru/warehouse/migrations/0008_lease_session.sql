-- The session that works under a lease now; null between the steps of a build. Once it has ended, the lease is dead.

alter table ops.lease
add column session_pid integer,
add column session_start timestamptz,
add constraint session_is_whole check ((session_pid is null) = (session_start is null));
