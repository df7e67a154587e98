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
  AND completion_date >= {{ period.start }}
  AND completion_date < {{ period.end }}
