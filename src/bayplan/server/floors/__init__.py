"""What an image needs of a node, and which images run on some node of the fleet."""
