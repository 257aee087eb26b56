"""What changes of a catalogue and a fleet would lead to; nothing is stored."""
