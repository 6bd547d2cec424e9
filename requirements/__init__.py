"""What is installed: the packages wanted (`*.in`), the locks (`*.txt`), and the check of both."""
