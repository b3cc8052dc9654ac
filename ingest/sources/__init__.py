"""Where documents come from: folders, rules, ledgers, addresses."""
