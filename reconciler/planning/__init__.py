"""Pure decisions: authority, diff, plan, guard, schedule, status."""
