"""Other ways of answering, tried beside the settings: by a share of users, or in the shadow."""
