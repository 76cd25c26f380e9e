-- This process ends ($1 its name): its share of the limits is the others'.
DELETE FROM replicas WHERE name = $1::text
