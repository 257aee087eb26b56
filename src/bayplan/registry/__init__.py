"""What OCI registries hold: asked safely, verified, and read for what an image says about itself.

`challenge`, `content`, `facts` and `inspect` are pure; `address`, `connection` and `client` talk to registries; `read`
joins the two. No layer is ever downloaded: all that bayplan needs of an image are its manifest and its configuration.
"""
