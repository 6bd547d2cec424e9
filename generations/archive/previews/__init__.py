"""Small posters and a small silent film of each kept film, for lists."""
