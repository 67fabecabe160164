"""What the tasks on clouds share: encoders by name, clouds with their neighbors, turns, protocols, the page."""
