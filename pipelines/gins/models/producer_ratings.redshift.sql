-- The mean rating of every producer with at least one rated gin; producers are told apart as the source writes them.
-- The mean of decimals would have no more digits than they have, so it is taken of doubles.
select producer, avg(cast(average_rating as double precision)) as mean_rating, count(*) as rated_gins
from {{ ref('gins') }}
where producer is not null and average_rating is not null
group by producer
order by producer
