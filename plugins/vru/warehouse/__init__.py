"""The PostgreSQL warehouse: the server, its roles, and how everything connects to it."""
