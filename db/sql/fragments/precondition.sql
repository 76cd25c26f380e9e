-- Whether what is there, with tag x.tag (NULL: nothing is), is what CTE `asked` (match and none, as
-- handlers/precondition.h has them) asks for.
(SELECT (a.match IS NULL OR (x.tag IS NOT NULL AND (x.tag = ANY (a.match) OR '*' = ANY (a.match))))
        AND (a.none IS NULL OR x.tag IS NULL OR NOT (x.tag = ANY (a.none) OR '*' = ANY (a.none)))
 FROM asked a)
