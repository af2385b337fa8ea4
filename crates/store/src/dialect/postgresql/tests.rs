//! The same trees in both dialects, side by side.

use insta::assert_snapshot;

use crate::dialect::{postgresql, sqlite};
use crate::statement::{
    AddColumn, ColumnDefinition, CreateIndex, Delete, DropColumn, DropIndex, DropTable, Expr, Insert, Literal, Select,
    Statement, TableDefinition, Update, all, any, column, literal, not, parameter, qualified,
};
use crate::{Error, Kind};

fn both(statement: impl Into<Statement>) -> String {
    let statement = statement.into();
    format!("{}\n{}", sqlite::print(&statement).unwrap(), postgresql::print(&statement).unwrap())
}

#[test]
fn a_page_of_rows() {
    let page = Select::from("contact")
        .alias("c")
        .project(qualified("c", "contactid"), Kind::Uuid)
        .project(qualified("a", "name"), Kind::Text)
        .left_join("account", "a", qualified("a", "accountid").equals(qualified("c", "parent")))
        .filter(qualified("c", "owner").in_list(0).or(qualified("c", "owner").is_null()))
        .filter(not(qualified("c", "fullname").matches(1)))
        .filter(qualified("c", "fullname").same_as(parameter(2)))
        .order_by(qualified("c", "fullname").ascending())
        .order_by(qualified("c", "contactid").descending())
        .limit(parameter(3));
    assert_snapshot!(both(page), @r#"
    SELECT "c"."contactid", "a"."name" FROM "contact" AS "c" LEFT JOIN "account" AS "a" ON ("a"."accountid" = "c"."parent") WHERE ((("c"."owner" IN rarray(?1)) OR ("c"."owner" IS NULL)) AND ((NOT ("c"."fullname" GLOB ?2)) AND ("c"."fullname" IS ?3))) ORDER BY "c"."fullname" ASC NULLS FIRST, "c"."contactid" DESC NULLS LAST LIMIT ?4
    SELECT "c"."contactid", "a"."name" FROM "contact" AS "c" LEFT JOIN "account" AS "a" ON ("a"."accountid" = "c"."parent") WHERE ((("c"."owner" = ANY($1)) OR ("c"."owner" IS NULL)) AND ((NOT ("c"."fullname" ~ $2)) AND ("c"."fullname" IS NOT DISTINCT FROM $3))) ORDER BY "c"."fullname" ASC NULLS FIRST, "c"."contactid" DESC NULLS LAST LIMIT $4
    "#);
}

#[test]
fn whole_numbers_rank_by_a_list() {
    let rank = Expr::Rank(Box::new(column("status")), vec![(3, 0), (1, 0), (-2, 1)]);
    let sorted = Select::from("contact").project(rank.clone(), Kind::Integer).order_by(rank.ascending());
    assert_snapshot!(both(sorted), @r#"
    SELECT (CASE "status" WHEN 3 THEN 0 WHEN 1 THEN 0 WHEN -2 THEN 1 WHEN "status" THEN 3 END) FROM "contact" ORDER BY (CASE "status" WHEN 3 THEN 0 WHEN 1 THEN 0 WHEN -2 THEN 1 WHEN "status" THEN 3 END) ASC NULLS FIRST
    SELECT (CASE "status" WHEN 3 THEN 0 WHEN 1 THEN 0 WHEN -2 THEN 1 WHEN "status" THEN 3 END) FROM "contact" ORDER BY (CASE "status" WHEN 3 THEN 0 WHEN 1 THEN 0 WHEN -2 THEN 1 WHEN "status" THEN 3 END) ASC NULLS FIRST
    "#);
}

#[test]
fn selects_inside_selects() {
    let roles = Select::from("role_of_user").column("roleid", Kind::Uuid).filter(column("userid").equals(parameter(0)));
    let any_right =
        Select::from("right").project(literal(1), Kind::Integer).filter(column("depth").at_least(literal(4)));
    let count = Select::from("role")
        .project(Expr::Count, Kind::Integer)
        .project(Expr::Max(Box::new(column("version"))), Kind::Integer)
        .distinct()
        .filter(column("roleid").in_select(roles).and(Expr::Exists(Box::new(any_right))));
    assert_snapshot!(both(count), @r#"
    SELECT DISTINCT COUNT(*), MAX("version") FROM "role" WHERE (("roleid" IN (SELECT "roleid" FROM "role_of_user" WHERE ("userid" = ?1))) AND EXISTS (SELECT 1 FROM "right" WHERE ("depth" >= 4)))
    SELECT DISTINCT COUNT(*), MAX("version") FROM "role" WHERE (("roleid" IN (SELECT "roleid" FROM "role_of_user" WHERE ("userid" = $1))) AND EXISTS (SELECT 1 FROM "right" WHERE ("depth" >= 4)))
    "#);
}

#[test]
fn rows_found_apart_are_merged_in_their_order() {
    let of = |slot| column("owner").equals(parameter(slot));
    let page = Select::from("contact")
        .column("name", Kind::Text)
        .column("id", Kind::Uuid)
        .filter(column("state").equals(literal(0)))
        .apart([of(0), of(1).and(column("owner").differs_from(parameter(0)))])
        .order_by(column("id").ascending().never_null())
        .limit(parameter(2));
    assert_snapshot!(both(page), @r#"
    SELECT "name", "id" FROM "contact" WHERE (("state" = 0) AND ("owner" = ?1)) UNION ALL SELECT "name", "id" FROM "contact" WHERE (("state" = 0) AND (("owner" = ?2) AND ("owner" <> ?1))) ORDER BY 2 ASC LIMIT ?3
    (SELECT "name", "id" FROM "contact" WHERE (("state" = 0) AND ("owner" = $1)) ORDER BY "id" ASC LIMIT $3) UNION ALL (SELECT "name", "id" FROM "contact" WHERE (("state" = 0) AND (("owner" = $2) AND ("owner" <> $1))) ORDER BY "id" ASC LIMIT $3) ORDER BY 2 ASC LIMIT $3
    "#);
    let unordered = Select::from("contact").column("name", Kind::Text).apart([of(0), of(1)]);
    let refused = sqlite::print(&unordered.order_by(column("id").ascending()).into());
    assert!(matches!(refused, Err(Error::Statement { .. })), "{refused:?}");
    let alone = Select::from("contact").column("name", Kind::Text).apart([of(0)]).order_by(column("id").ascending());
    assert_snapshot!(both(alone), @r#"
    SELECT "name" FROM "contact" WHERE ("owner" = ?1) ORDER BY "id" ASC NULLS FIRST
    SELECT "name" FROM "contact" WHERE ("owner" = $1) ORDER BY "id" ASC NULLS FIRST
    "#);
}

#[test]
fn changes() {
    let insert = Insert::into("account").columns(["id", "name"]).value("state", literal(0)).or_nothing();
    assert_snapshot!(both(insert), @r#"
    INSERT INTO "account" ("id", "name", "state") VALUES (?1, ?2, 0) ON CONFLICT DO NOTHING
    INSERT INTO "account" ("id", "name", "state") VALUES ($1, $2, 0) ON CONFLICT DO NOTHING
    "#);
    let update = Update::of("account")
        .set("version", column("version").plus(literal(1)))
        .set("name", Expr::Coalesce(vec![parameter(0), literal("it's")]))
        .filter(column("id").equals(parameter(1)))
        .filter(column("enabled").equals(literal(true)));
    assert_snapshot!(both(update), @r#"
    UPDATE "account" SET "version" = ("version" + 1), "name" = COALESCE(?1, 'it''s') WHERE (("id" = ?2) AND ("enabled" = TRUE))
    UPDATE "account" SET "version" = ("version" + 1), "name" = COALESCE($1, 'it''s') WHERE (("id" = $2) AND ("enabled" = TRUE))
    "#);
    assert_snapshot!(both(Delete::from("account").filter(any([]))), @r#"
    DELETE FROM "account" WHERE FALSE
    DELETE FROM "account" WHERE FALSE
    "#);
}

#[test]
fn definitions() {
    let table = TableDefinition::new("everything")
        .required("id", Kind::Uuid)
        .with(ColumnDefinition::required("flag", Kind::Bool).default(Literal::Bool(false)))
        .optional("number", Kind::Integer)
        .optional("ratio", Kind::Double)
        .optional("amount", Kind::Money)
        .optional("exact", Kind::Decimal)
        .optional("name", Kind::Text)
        .optional("since", Kind::Time)
        .optional("raw", Kind::Bytes)
        .primary_key(["id"]);
    assert_snapshot!(both(table), @r#"
    CREATE TABLE "everything" ("id" BLOB NOT NULL, "flag" INTEGER NOT NULL DEFAULT FALSE, "number" INTEGER, "ratio" REAL, "amount" INTEGER, "exact" BLOB, "name" TEXT, "since" INTEGER, "raw" BLOB, PRIMARY KEY ("id")) STRICT
    CREATE TABLE "everything" ("id" uuid NOT NULL, "flag" boolean NOT NULL DEFAULT FALSE, "number" bigint, "ratio" double precision, "amount" bigint, "exact" numeric(38, 10), "name" text COLLATE "C", "since" bigint, "raw" bytea, PRIMARY KEY ("id"))
    "#);
    let index = CreateIndex::new("by_name", "everything", ["name", "id"])
        .unique()
        .never_null("id")
        .filter(column("name").is_not_null())
        .if_missing();
    assert_snapshot!(both(index), @r#"
    CREATE UNIQUE INDEX IF NOT EXISTS "by_name" ON "everything" ("name", "id") WHERE ("name" IS NOT NULL)
    CREATE UNIQUE INDEX IF NOT EXISTS "by_name" ON "everything" ("name" NULLS FIRST, "id") WHERE ("name" IS NOT NULL)
    "#);
    let add = AddColumn { table: "everything".into(), column: ColumnDefinition::optional("more", Kind::Text) };
    assert_snapshot!(both(add), @r#"
    ALTER TABLE "everything" ADD COLUMN "more" TEXT
    ALTER TABLE "everything" ADD COLUMN "more" text COLLATE "C"
    "#);
    assert_snapshot!(both(DropTable { name: "everything".into() }), @r#"
    DROP TABLE IF EXISTS "everything"
    DROP TABLE IF EXISTS "everything"
    "#);
    assert_snapshot!(both(DropColumn { table: "everything".into(), column: "more".into() }), @r#"
    ALTER TABLE "everything" DROP COLUMN "more"
    ALTER TABLE "everything" DROP COLUMN "more"
    "#);
    assert_snapshot!(both(DropIndex { name: "by_name".into() }), @r#"
    DROP INDEX IF EXISTS "by_name"
    DROP INDEX IF EXISTS "by_name"
    "#);
}

#[test]
fn what_no_store_could_run_is_refused() {
    let refused = |statement: Statement| match sqlite::print(&statement) {
        Err(Error::Statement { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert_snapshot!(refused(Select::from("a\"; DROP TABLE b; --").column("x", Kind::Text).into()), @r#"`a"; DROP TABLE b; --` is no name of 1 to 63 letters, digits and `_`"#);
    assert_snapshot!(refused(Select::from("a").into()), @"a select from `a` without columns");
    assert_snapshot!(refused(Insert::into("a").into()), @"an insert into `a` of 0 columns and 0 values");
    assert_snapshot!(refused(Update::of("a").into()), @"an update of `a` that sets nothing");
    assert_snapshot!(refused(TableDefinition::new("a").into()), @"a table `a` without columns");
    let deep = (0..2_000).fold(column("x"), |inner, _| not(inner));
    assert_snapshot!(refused(Delete::from("a").filter(deep).into()), @"a condition nested more than 200 deep");
    assert_snapshot!(refused(Delete::from("a").filter(column("x").equals(parameter(40_000))).into()), @"40001 parameters, and 32766 are the most");
}

#[test]
fn a_long_chain_is_printed_as_a_shallow_tree() {
    let chain = all((0..3).map(|slot| column("x").differs_from(parameter(slot))));
    assert_snapshot!(both(Delete::from("a").filter(chain)), @r#"
    DELETE FROM "a" WHERE (("x" <> ?1) AND (("x" <> ?2) AND ("x" <> ?3)))
    DELETE FROM "a" WHERE (("x" <> $1) AND (("x" <> $2) AND ("x" <> $3)))
    "#);
    let long = any((0..10_000).map(|slot| column("x").equals(parameter(slot))));
    assert!(sqlite::print(&Delete::from("a").filter(long).into()).is_ok());
}
