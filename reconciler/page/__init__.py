"""What the daemon shows over HTTP: health, metrics, and the status page. It reads, and changes nothing."""
