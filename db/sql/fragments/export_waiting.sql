-- Why the open export x does not get on, the first cause that applies: code and sentence; NULL when
-- nothing is known to hold it up.
CASE WHEN NOT EXISTS (SELECT FROM replicas p WHERE p.seen_at > now() - interval '20 seconds')
     THEN json_build_object(
         'code', 'no_worker',
         'detail', 'No process that makes exports has been heard of for 20 seconds.')
     WHEN x.waiting IS NOT NULL
     THEN json_build_object('code', 'artefacts', 'detail', x.waiting) END
