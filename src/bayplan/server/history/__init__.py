"""Who changed what and when: the change log for people, and how long it is kept."""
