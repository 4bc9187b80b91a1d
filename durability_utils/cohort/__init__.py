"""From a service's export to its cohort: reading, refusing, listing."""
