"""Who calls: keys, people, and what each may do."""
