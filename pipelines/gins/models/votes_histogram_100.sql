-- The same for few votes: 100 bins of 1 vote from 0 to 100, the last one closed.
select bin, bin as lower_edge, bin + 1 as upper_edge, count(*) as gins
from (
  select case when rating_count = 100 then 99 else rating_count end as bin
  from {{ ref('gins') }}
  where rating_count <= 100
) binned
group by bin
order by bin
