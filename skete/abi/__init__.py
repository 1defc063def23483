"""What Linux and x86-64 have fixed: numbers, structs, flags. One module per header; stdlib imports only."""
