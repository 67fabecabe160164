"""What the tasks on clouds share: encoders by name, clouds with their neighbours, turns, protocols, the page."""
