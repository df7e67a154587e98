-- As completed_omis_orders.sql; Athena compares no time with text, and its times are those of UTC.
SELECT
    company_name AS "Company Name",
    dit_team AS "DIT Team",
    CAST(subtotal AS DECIMAL(12, 2)) / 100 AS "Subtotal",
    uk_region AS "UK Region",
    market AS "Market",
    sector AS "Sector",
    services AS "Services",
    delivery_date AS "Delivery Date",
    payment_received_date AS "Payment Received Date",
    completion_date AS "Completion Date"
FROM {{ ref('omis_dataset') }}
WHERE order_status = 'complete'
  AND completion_date >= CAST(from_iso8601_timestamp({{ period.start }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
  AND completion_date < CAST(from_iso8601_timestamp({{ period.end }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
