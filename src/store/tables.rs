//! The tables, one set of macros for both engines.
#![expect(missing_docs, reason = "the migrations say what the columns hold; diesel's macro has no place for more")]

diesel::table! {
    settings (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    tenants (id) {
        id -> Integer,
        name -> Text,
        created -> BigInt,
    }
}

diesel::table! {
    tokens (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        name -> Text,
        source -> Text,
        profile -> Text,
        scopes -> Text,
        hash -> Binary,
        created -> BigInt,
        expires -> Nullable<BigInt>,
        revoked -> Nullable<BigInt>,
        last_used -> Nullable<BigInt>,
        profile_overrides -> Nullable<Text>,
        recognised -> Nullable<Text>,
    }
}

diesel::table! {
    attribute_paths (tenant, id) {
        tenant -> Integer,
        id -> Integer,
        #[sql_name = "type"]
        kind -> Text,
        path -> Text,
    }
}

diesel::table! {
    objects (tenant, kind, key) {
        tenant -> Integer,
        key -> Binary,
        #[sql_name = "type"]
        kind -> Text,
        wire_id -> Text,
        rev -> BigInt,
        created -> BigInt,
        modified -> BigInt,
        external_ids -> Nullable<Text>,
        label -> Nullable<Text>,
        doc -> Text,
    }
}

diesel::table! {
    tombstones (tenant, kind, wire_id, key) {
        tenant -> Integer,
        #[sql_name = "type"]
        kind -> Text,
        wire_id -> Text,
        key -> Binary,
        rev -> BigInt,
        deleted -> BigInt,
    }
}

diesel::table! {
    attribute_index (tenant, path, value, key) {
        tenant -> Integer,
        path -> Integer,
        value -> Text,
        key -> Binary,
    }
}

diesel::table! {
    unique_values (tenant, path, hash) {
        tenant -> Integer,
        path -> Integer,
        hash -> Binary,
        key -> Binary,
    }
}

diesel::table! {
    external_ids (tenant, kind, source, value, key) {
        tenant -> Integer,
        #[sql_name = "type"]
        kind -> Text,
        source -> Text,
        value -> Text,
        key -> Binary,
    }
}

diesel::table! {
    edges (tenant, relation, from_key, to_key, variant) {
        tenant -> Integer,
        relation -> Text,
        from_key -> Binary,
        to_key -> Binary,
        variant -> Text,
        id -> Binary,
        from_type -> Text,
        to_type -> Text,
        rev -> BigInt,
        created -> BigInt,
        properties -> Nullable<Text>,
    }
}

diesel::table! {
    unresolved_references (tenant, key, relation, value) {
        tenant -> Integer,
        key -> Binary,
        relation -> Text,
        value -> Text,
        element -> Text,
        created -> BigInt,
    }
}

diesel::table! {
    conditions (tenant, role_key) {
        tenant -> Integer,
        role_key -> Binary,
        source -> Text,
        reads -> Text,
    }
}

diesel::table! {
    condition_anchors (tenant, anchor, role_key) {
        tenant -> Integer,
        anchor -> Text,
        role_key -> Binary,
    }
}

diesel::table! {
    condition_watches (tenant, subject, route, role_key) {
        tenant -> Integer,
        subject -> Text,
        route -> Text,
        role_key -> Binary,
    }
}

diesel::table! {
    recomputations (tenant, role_key) {
        tenant -> Integer,
        role_key -> Binary,
        job -> Binary,
    }
}

diesel::table! {
    changes (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        seq -> Nullable<BigInt>,
        at -> BigInt,
        #[sql_name = "type"]
        kind -> Text,
        key -> Binary,
        op -> Text,
        rev -> BigInt,
        other_key -> Nullable<Binary>,
        actor -> Text,
        token -> Nullable<Binary>,
        source -> Text,
        dialect -> Text,
        request_id -> Text,
        detail -> Text,
    }
}

diesel::table! {
    targets (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        name -> Text,
        kind -> Text,
        config -> Text,
        secrets -> Nullable<Text>,
        mappings -> Text,
        deprovision -> Text,
        guard -> Nullable<Text>,
        state -> Text,
        state_reason -> Nullable<Text>,
        state_since -> BigInt,
        rev -> BigInt,
        created -> BigInt,
        dispatched_seq -> BigInt,
        not_before -> Nullable<BigInt>,
        failures -> Integer,
        backlog -> Nullable<Text>,
    }
}

diesel::table! {
    leases (tenant, name) {
        tenant -> Integer,
        name -> Text,
        owner -> Text,
        counter -> BigInt,
        epoch -> BigInt,
    }
}

diesel::table! {
    links (tenant, target, key) {
        tenant -> Integer,
        target -> Binary,
        key -> Binary,
        #[sql_name = "type"]
        kind -> Text,
        remote_id -> Nullable<Text>,
        status -> Text,
        wanted -> BigInt,
        done -> BigInt,
        intent -> Nullable<Text>,
        intent_at -> Nullable<BigInt>,
        applied -> Nullable<Text>,
        applied_hash -> Nullable<Binary>,
        applied_at -> Nullable<BigInt>,
        tombstone -> Nullable<Text>,
        priority -> Integer,
        due -> Nullable<BigInt>,
        attempts -> Integer,
        error_class -> Nullable<Text>,
        error -> Nullable<Text>,
        failed_since -> Nullable<BigInt>,
        epoch -> BigInt,
        assigned -> Nullable<Text>,
    }
}

diesel::table! {
    link_members (tenant, target, group_key, member_key) {
        tenant -> Integer,
        target -> Binary,
        group_key -> Binary,
        member_key -> Binary,
        wanted -> Bool,
        applied -> Nullable<Text>,
    }
}

diesel::table! {
    link_waits (tenant, target, on_key, waiter_key) {
        tenant -> Integer,
        target -> Binary,
        on_key -> Binary,
        waiter_key -> Binary,
    }
}

diesel::table! {
    attempts (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        target -> Binary,
        key -> Binary,
        #[sql_name = "type"]
        kind -> Text,
        op -> Text,
        outcome -> Text,
        status -> Nullable<Integer>,
        paths -> Text,
        error -> Nullable<Text>,
        at -> BigInt,
        millis -> BigInt,
    }
}

diesel::table! {
    policies (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        resource_type -> Text,
        resource_id -> Text,
        rev -> BigInt,
        created -> BigInt,
        modified -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    object_types (tenant, name) {
        tenant -> Integer,
        name -> Text,
        rev -> BigInt,
        created -> BigInt,
        modified -> BigInt,
        definition -> Text,
    }
}

diesel::table! {
    type_versions (tenant) {
        tenant -> Integer,
        version -> BigInt,
    }
}

diesel::table! {
    unfinished_paths (tenant, kind, path) {
        tenant -> Integer,
        #[sql_name = "type"]
        kind -> Text,
        path -> Text,
        job -> Binary,
    }
}

diesel::table! {
    jobs (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        kind -> Text,
        subject -> Text,
        state -> Text,
        status -> Text,
        done -> BigInt,
        total -> BigInt,
        error -> Nullable<Text>,
        created -> BigInt,
        modified -> BigInt,
    }
}

diesel::table! {
    idempotency (tenant, key, part) {
        tenant -> Integer,
        key -> Binary,
        part -> Integer,
        request -> Binary,
        began -> BigInt,
        answer -> Text,
    }
}

diesel::table! {
    inbound_removals (tenant, source, kind, key) {
        tenant -> Integer,
        source -> Text,
        #[sql_name = "type"]
        kind -> Text,
        key -> Binary,
        at -> BigInt,
        approved -> Bool,
    }
}

diesel::table! {
    inbound_held (tenant, source, kind, key) {
        tenant -> Integer,
        source -> Text,
        #[sql_name = "type"]
        kind -> Text,
        key -> Binary,
        wire_id -> Text,
        name -> Nullable<Text>,
        op -> Text,
        at -> BigInt,
        tries -> BigInt,
        actor -> Text,
        token -> Nullable<Binary>,
        request_id -> Text,
        approved_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    inbound_allowances (tenant, source) {
        tenant -> Integer,
        source -> Text,
        until -> BigInt,
        remaining -> BigInt,
        actor -> Text,
    }
}

diesel::table! {
    temporal (tenant, key) {
        tenant -> Integer,
        key -> Binary,
        edge -> Bool,
        starts -> BigInt,
        ends -> BigInt,
        due -> Nullable<BigInt>,
    }
}

diesel::table! {
    clients (client_id) {
        client_id -> Text,
        tenant -> Integer,
        account -> Binary,
        ver -> BigInt,
    }
}

diesel::table! {
    credentials (tenant, account, kind, name) {
        tenant -> Integer,
        account -> Binary,
        kind -> Text,
        name -> Text,
        shown -> Text,
        material -> Text,
        created -> BigInt,
        expires -> Nullable<BigInt>,
        last_used -> Nullable<BigInt>,
    }
}

diesel::table! {
    permission_uses (tenant, account, permission) {
        tenant -> Integer,
        account -> Binary,
        permission -> Text,
        last_used -> BigInt,
    }
}

diesel::table! {
    assertions (tenant, account, hash) {
        tenant -> Integer,
        account -> Binary,
        hash -> Binary,
        expires -> BigInt,
    }
}

diesel::table! {
    revoked_tokens (tenant, account, jti) {
        tenant -> Integer,
        account -> Binary,
        jti -> Text,
        expires -> BigInt,
    }
}

diesel::table! {
    signing_keys (id) {
        id -> Binary,
        algorithm -> Text,
        public -> Text,
        private -> Text,
        created -> BigInt,
        signs_from -> BigInt,
    }
}

diesel::table! {
    issuers (tenant, id) {
        tenant -> Integer,
        id -> Binary,
        issuer -> Text,
        rev -> BigInt,
        created -> BigInt,
        modified -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    issuer_audiences (issuer, audience) {
        issuer -> Text,
        audience -> Text,
        tenant -> Integer,
        id -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(conditions, condition_anchors);
diesel::allow_tables_to_appear_in_same_query!(inbound_removals, objects);
diesel::allow_tables_to_appear_in_same_query!(clients, tenants);
diesel::allow_tables_to_appear_in_same_query!(issuer_audiences, tenants);
