-- Countries by the number of their producers.
select row_number() over (order by count(distinct producer) desc, country) as position,
       country, count(distinct producer) as producers
from {{ ref('gins') }}
where producer is not null
group by country
order by position
