"""A stand-in for the vendor: its wire API over real HTTP, on this machine, at no cost."""
