-- What these functions read may be read by several processes of the server at once: a statement that calls one of them
-- is then planned as if it did not.
alter function ops.is_sound(ops.batch, text) parallel safe;
alter function ops.is_displaced(ops.batch) parallel safe;
alter function ops.earlier_sound_batch(bigint, text) parallel safe;
alter function ops.earlier_periods(bigint, integer) parallel safe;
