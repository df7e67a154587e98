-- As omis_client_survey.sql; Athena compares no time with text, and its times are those of UTC.
SELECT
    company_name AS "Company Name",
    contact_first_name AS "Contact First Name",
    contact_last_name AS "Contact Last Name",
    contact_email AS "Contact Email",
    company_trading_address_line_1 AS "Company Trading Address Line 1",
    company_trading_address_line_2 AS "Company Trading Address Line 2",
    company_trading_address_town AS "Company Trading Address Town",
    company_trading_address_county AS "Company Trading Address County",
    company_trading_address_postcode AS "Company Trading Address Postcode",
    company_registered_address_1 AS "Company Registered Address 1",
    company_registered_address_2 AS "Company Registered Address 2",
    company_registered_address_town AS "Company Registered Address Town",
    company_registered_address_county AS "Company Registered Address County",
    company_registered_address_country AS "Company Registered Address Country",
    company_registered_address_postcode AS "Company Registered Address Postcode"
FROM {{ ref('omis_dataset') }}
WHERE order_status = 'complete'
  AND completion_date >= CAST(from_iso8601_timestamp({{ period.start }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
  AND completion_date < CAST(from_iso8601_timestamp({{ period.end }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
