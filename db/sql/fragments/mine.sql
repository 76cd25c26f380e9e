-- Whether the caller ($1) may see dataset d.
(d.owner = {{owner}} AND d.deleted_at IS NULL AND {{within}})
