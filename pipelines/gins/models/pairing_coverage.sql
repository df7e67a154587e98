-- How many gins have a recommended tonic or garnish, and how many recommendations there are.
select 'garnish' as pairing, count(distinct id) as gins, count(*) as pairs from {{ ref('perfect_garnishes') }}
union all
select 'tonic' as pairing, count(distinct id) as gins, count(*) as pairs from {{ ref('perfect_tonics') }}
order by pairing
