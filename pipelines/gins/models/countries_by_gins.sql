-- Countries by the number of their gins.
select row_number() over (order by count(distinct id) desc, country) as position, country, count(distinct id) as gins
from {{ ref('gins') }}
group by country
order by position
