-- As cancelled_omis_orders.sql; Athena compares no time with text, and its times are those of UTC.
SELECT
    omis_order_reference AS "OMIS Order Reference",
    company_name AS "Company Name",
    CAST(net_price AS DECIMAL(12, 2)) / 100 AS "Net Price",
    dit_team AS "DIT Team",
    market AS "Market",
    sector AS "Sector",
    created_date AS "Created Date",
    cancelled_date AS "Cancelled Date",
    cancellation_reason AS "Cancellation Reason"
FROM {{ ref('omis_dataset') }}
WHERE order_status = 'cancelled'
  AND cancelled_date >= CAST(from_iso8601_timestamp({{ period.year_start }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
