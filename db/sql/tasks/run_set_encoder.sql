-- The encoder version that a run uses, once ($1 run, $2 encoder).
UPDATE runs SET encoder_id = $2::uuid WHERE run_id = $1::uuid AND encoder_id IS NULL
