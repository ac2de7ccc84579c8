"""The PostgreSQL server itself: the embedded one's life, folders and sockets, or another one by its address."""
