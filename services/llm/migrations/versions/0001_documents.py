"""Documents, their chunks, the words that weigh them, and the search over them."""

from alembic import op
from raia_kit.migrations import create_kit_tables, grant_execute, tenant_table

revision = "0001"
down_revision = None

_SERVICE = "llm"

_TABLES = """
create table document (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    filename text not null,
    file_type text not null,
    file_size bigint not null,
    sha256 text not null,
    object_key text not null,
    text_key text,
    status text not null check (status in ('processing', 'ready', 'failed')),
    error text not null default '',
    content text not null default '',
    metadata jsonb not null default '{}',
    character_count bigint not null default 0,
    chunk_count integer not null default 0,
    job_id bigint,
    uploaded_by uuid,
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (org_id, id)
);
create index document_created_at on document (org_id, created_at desc, id desc);
create index document_object_key on document (org_id, object_key);
comment on table document is 'Files as they came and the text read from them; content is its beginning';

create table chunk (
    org_id uuid not null,
    document_id uuid not null,
    number integer not null,
    project_id uuid,
    text text not null,
    start_at bigint not null,
    end_at bigint not null,
    page integer not null default 0,
    page_starts bigint[] not null default '{}',
    headings text[] not null default '{}',
    terms tsvector not null,
    embedder text not null,
    embedding halfvec(1024) not null,
    primary key (org_id, document_id, number),
    foreign key (org_id, document_id) references document (org_id, id) on delete cascade
);
-- In the row: an exact scan reads every vector, and fetching each from elsewhere takes longer than comparing it.
alter table chunk alter column embedding set storage plain;
create index chunk_terms on chunk using gin (terms);
create index chunk_embedding on chunk using hnsw ((subvector(embedding, 1, 384)::halfvec(384)) halfvec_cosine_ops);
comment on table chunk is 'Passages: text is word for word what stands from start_at to end_at';

create table corpus (
    org_id uuid not null primary key,
    chunks bigint not null default 0,
    weighed_chunks bigint not null default 0,
    embedder text not null default '',
    job_id bigint,
    updated_at timestamptz not null default now()
);
comment on table corpus is 'How much an organisation has, and how much it had when its chunks were last embedded';

create table word (
    org_id uuid not null,
    word text not null,
    chunks bigint not null,
    primary key (org_id, word)
);
comment on table word is 'In how many chunks of the organisation a word stands: its weight';

create table document_words (
    org_id uuid not null,
    document_id uuid not null,
    words text[] not null,
    chunks integer[] not null,
    primary key (org_id, document_id),
    foreign key (org_id, document_id) references document (org_id, id) on delete cascade
);
comment on table document_words is 'What a document adds to the counts of words, taken off again when it is deleted';
"""

# Row security keeps @@ and <=> from their indexes, so these run as the owner, filter by the tenant themselves, and take
# what the caller may see as arguments: $2 the whole organisation, $3 but these projects, $4 these projects,
# $5 these documents, $6 of these documents alone (null: of all).
_VISIBLE = """
    c.org_id = (select current_setting('raia.org_id')::uuid)
    and (($2 and (c.project_id is null or c.project_id <> all ($3)))
         or c.project_id = any ($4) or c.document_id = any ($5))
    and ($6 is null or c.document_id = any ($6))
"""

_BY_MEANING = f"""
create function nearest_by_index(halfvec, boolean, uuid[], uuid[], uuid[], uuid[], text, integer)
returns table (document_id uuid, number integer, distance double precision)
language sql stable parallel safe security definer
set search_path = pg_catalog, raia_llm, public, pg_temp
set hnsw.iterative_scan = 'strict_order' set hnsw.ef_search = 400
set hnsw.max_scan_tuples = 200000 set hnsw.scan_mem_multiplier = 8
set enable_sort = off
as $body$
    -- The index holds the first 384 dimensions, which takes a fifth of the time to fill: all that a small model has,
    -- and a fair sample of hashed ones. What it finds is then ordered by all of them.
    with near as materialized (
        select c.document_id, c.number, c.embedding
        from raia_llm.chunk c
        where c.embedder = $7 and {_VISIBLE}
        order by public.subvector(c.embedding, 1, 384)::halfvec(384)
            operator(public.<=>) public.subvector($1, 1, 384)::halfvec(384)
        limit greatest($8 * 8, 400)
    )
    select n.document_id, n.number, n.embedding operator(public.<=>) $1
    from near n
    order by n.embedding operator(public.<=>) $1
    limit $8
$body$;

create function nearest_by_scan(halfvec, boolean, uuid[], uuid[], uuid[], uuid[], text, integer)
returns table (document_id uuid, number integer, distance double precision)
language sql stable parallel safe security definer
set search_path = pg_catalog, raia_llm, public, pg_temp
as $body$
    -- Adding 0 keeps the order from the approximate index: every chunk is looked at.
    select c.document_id, c.number, c.embedding operator(public.<=>) $1
    from raia_llm.chunk c
    where c.embedder = $7 and {_VISIBLE}
    order by (c.embedding operator(public.<=>) $1) + 0
    limit $8
$body$;
"""  # noqa: S608 - the placeholder is this module's own condition

_BY_WORDS = f"""
create function matching_words(tsquery, boolean, uuid[], uuid[], uuid[], uuid[], tsquery[], double precision[], integer)
returns table (document_id uuid, number integer, score double precision)
language sql stable parallel safe security definer
set search_path = pg_catalog, raia_llm, pg_temp
as $body$
    -- The weights of the words that stand in a chunk; how often and how near each other breaks ties.
    select c.document_id, c.number,
        (select coalesce(sum(w.weight), 0) from unnest($7, $8) as w(word, weight) where c.terms @@ w.word)
        + ts_rank_cd(c.terms, $1, 32) as score
    from raia_llm.chunk c
    where c.terms @@ $1 and {_VISIBLE}
    order by score desc, c.document_id, c.number
    limit $9
$body$;
"""  # noqa: S608 - the placeholder is this module's own condition

_SEARCH = """
create function search_chunks(
    query_embedding halfvec, query_words tsquery, words tsquery[], weights double precision[],
    whole_organisation boolean, hidden uuid[], projects uuid[], resources uuid[], documents uuid[],
    query_embedder text, furthest double precision, candidates integer, most integer, exact_below bigint
)
returns table (
    document_id uuid, filename text, number integer, text text, start_at bigint, end_at bigint, page integer,
    page_starts bigint[], headings text[], score double precision, vector_rank integer, text_rank integer,
    distance double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, raia_llm, public, pg_temp
as $body$
#variable_conflict use_column
declare
    tenant uuid := current_setting('raia.org_id')::uuid;
    size bigint := coalesce((select c.chunks from raia_llm.corpus c where c.org_id = tenant), 0);
begin
    return query
    with near as (
        select n.document_id, n.number, n.distance,
            row_number() over (order by n.distance, n.document_id, n.number)::integer as place
        from (
            select * from raia_llm.nearest_by_scan(
                query_embedding, whole_organisation, hidden, projects, resources, documents, query_embedder, candidates)
            where size < exact_below or documents is not null
            union all
            select * from raia_llm.nearest_by_index(
                query_embedding, whole_organisation, hidden, projects, resources, documents, query_embedder, candidates)
            where size >= exact_below and documents is null
        ) n
        where n.distance <= furthest
    ), worded as (
        select m.document_id, m.number,
            row_number() over (order by m.score desc, m.document_id, m.number)::integer as place
        from raia_llm.matching_words(
            query_words, whole_organisation, hidden, projects, resources, documents, words, weights, candidates) m
    ), fused as (
        select document_id, number, near.distance,
            coalesce(near.place, 0) as vector_rank, coalesce(worded.place, 0) as text_rank,
            (coalesce(1.0 / (60 + near.place), 0) + coalesce(1.0 / (60 + worded.place), 0))::double precision as score
        from near full join worded using (document_id, number)
        order by 6 desc, 1, 2
        limit most
    )
    select f.document_id, d.filename, f.number, c.text, c.start_at, c.end_at, c.page, c.page_starts,
        c.headings, f.score, f.vector_rank, f.text_rank, f.distance
    from fused f
    join raia_llm.chunk c on c.org_id = tenant and c.document_id = f.document_id and c.number = f.number
    join raia_llm.document d on d.org_id = tenant and d.id = f.document_id
    order by f.score desc, f.document_id, f.number;
end
$body$;
"""

_FUNCTIONS = (
    "nearest_by_index(halfvec, boolean, uuid[], uuid[], uuid[], uuid[], text, integer)",
    "nearest_by_scan(halfvec, boolean, uuid[], uuid[], uuid[], uuid[], text, integer)",
    "matching_words(tsquery, boolean, uuid[], uuid[], uuid[], uuid[], tsquery[], double precision[], integer)",
    "search_chunks(halfvec, tsquery, tsquery[], double precision[], boolean, uuid[], uuid[], uuid[], uuid[], text, "
    "double precision, integer, integer, bigint)",
)


def upgrade() -> None:
    create_kit_tables(_SERVICE)
    for script in (_TABLES, _BY_MEANING, _BY_WORDS, _SEARCH):
        op.execute(script.replace(":", r"\:"))
    tenant_table(_SERVICE, "document")
    tenant_table(_SERVICE, "chunk")
    tenant_table(_SERVICE, "corpus", "select, insert, update")
    tenant_table(_SERVICE, "word")
    tenant_table(_SERVICE, "document_words")
    for signature in _FUNCTIONS:
        grant_execute(_SERVICE, signature)
