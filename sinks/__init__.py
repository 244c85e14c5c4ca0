"""Where results go: Kafka, the relay, alerts, the store."""
