"""Models of others: programs that answer to folders, servers that answer to messages."""
