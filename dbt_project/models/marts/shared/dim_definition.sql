-- One row is one version of the definition of a measure. A version is never edited: the next one is added.
select
    definition_id::text as definition_id,
    definition_version::integer as definition_version,
    name::text as definition_name,
    owner::text as owner,
    rule::text as rule,
    valid_from::date as valid_from,
    valid_to::date as valid_to,
    source::text as source,
    status::text as status,
    breaks::text as breaks,
    definition_version = max(definition_version) over (partition by definition_id) as is_newest_version
from {{ ref('definition') }}
