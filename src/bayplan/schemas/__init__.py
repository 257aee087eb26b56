"""The requests and answers of the API, one module for each resource: the server, the client and the command line use them."""
