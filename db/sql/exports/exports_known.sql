-- Which of the exports $1 there are.
-- result: binary
SELECT export_id FROM exports WHERE export_id = ANY ($1::uuid[])
