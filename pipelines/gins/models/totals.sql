-- How many products of each kind were published.
select 'gin' as type, count(*) as products from {{ ref('gins') }}
union all
select 'tonic' as type, count(*) as products from {{ ref('tonics') }}
union all
select 'garnish' as type, count(*) as products from {{ ref('garnishes') }}
order by type
