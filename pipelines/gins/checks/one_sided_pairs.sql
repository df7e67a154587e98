-- Pairs that a gin lists and its tonic or garnish does not, or the other way round.
select pairs.gin, pairs.partner, count(*) as sides
from (
  select id as gin, perfect_tonic as partner from {{ ref('perfect_tonics') }}
  union all
  select id as gin, perfect_garnish as partner from {{ ref('perfect_garnishes') }}
  union all
  select perfect_gin as gin, id as partner from {{ ref('perfect_gins') }}
) pairs
group by pairs.gin, pairs.partner
having count(*) <> 2
