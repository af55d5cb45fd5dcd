"""GitHub and GitLab: one comment on a change that is under review, and one issue for what is not as it should be."""
