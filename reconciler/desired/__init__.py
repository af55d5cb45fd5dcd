"""YAML files in, Desired out: schema, rules, positions; and back again (import, dump)."""
