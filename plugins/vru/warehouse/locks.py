"""Numbers of the advisory locks of the warehouse's database, all in one place so that none is taken twice."""

BOOTSTRAP = 0x767275
"""One machine at a time sets up the roles of a server."""

MIGRATION = 7_656_001
"""One process at a time migrates."""

FEED = 7_656_002
"""First key of two: one process at a time notes, parses, audits, admits or decides about deliveries of a feed."""

READERS = 7_656_003
"""Readers of many statements (report, publish, backup) hold it shared; the swap takes it alone."""

LEDGER = 7_656_004
"""Writers of an instant that counts for W hold it shared until they commit (`ops.stamp`); `ops.settled_now` waits."""

ADDRESS = 7_656_005
"""First key of two: one process at a time asks a partner's address that several feeds or runs share."""

MAIL = 7_656_006
"""One process at a time sends mail."""

HEADLESS = 7_656_007
"""Processes that run DAGs without a scheduler hold it shared; one that gets it alone knows that no other lives."""

PUBLISH = 7_656_010
"""One process at a time publishes: each must have seen what the one before released."""
