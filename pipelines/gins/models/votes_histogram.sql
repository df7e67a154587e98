-- How many votes gins have: 100 bins of 10 votes from 0 to 1,000, the last one closed; gins with more are left out.
select bin, bin * 10 as lower_edge, bin * 10 + 10 as upper_edge, count(*) as gins
from (
  select case when rating_count = 1000 then 99 else rating_count / 10 end as bin
  from {{ ref('gins') }}
  where rating_count <= 1000
) binned
group by bin
order by bin
