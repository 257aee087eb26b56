"""What hostile, broken or simultaneous use does to the real server: nothing."""
