-- To be joined LATERAL: the share of x.accepted in x.judged and its Wilson score interval at 95 % (z is
-- the 97.5th percentile of the normal distribution); no row when nothing was judged.
(SELECT x.accepted / nullif(n.judged, 0) AS rate,
        greatest(0, (x.accepted + n.z * n.z / 2 - n.spread) / (n.judged + n.z * n.z)) AS low,
        least(1, (x.accepted + n.z * n.z / 2 + n.spread) / (n.judged + n.z * n.z)) AS high
 FROM (SELECT z.z, x.judged::float8 AS judged,
              z.z * sqrt(x.accepted::float8 * (x.judged - x.accepted) / nullif(x.judged, 0)
                         + z.z * z.z / 4) AS spread
       FROM (SELECT 1.959963984540054::float8 AS z) z) n
 WHERE n.judged > 0)
