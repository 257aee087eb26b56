"""The client of OCI registries: safe requests, verified answers, and the facts that an image states about itself.

`auth`, `content`, `diff`, `fact_sources`, `interpret` and `retry` are pure; `address`, `connection`, `tokens` and
`client` talk to registries; `inspect` and `resolve` join the two. No layer is ever downloaded: bayplan needs an image's
manifest and configuration alone.
"""
