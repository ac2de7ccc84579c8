-- What a figure says that is unknown because records were refused that may belong to it; of people no number is told.
{% macro unread_reason(row_count, what, personal_data) -%}
    case when {{ personal_data }} then '' else {{ row_count }} || ' ' end
    || 'refused rows whose {{ what }} could not be read may belong here'
{%- endmacro %}
