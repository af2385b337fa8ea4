//! FetchXML documents that cannot be understood, and queries that reach too far.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `InvalidFetchXml`
    pub const INVALID_FETCH_XML: u32 = 0x8004_0303;
    /// `QueryBuilderNoEntity`
    pub const QUERY_NO_ENTITY: u32 = 0x8004_1102;
    /// `QueryBuilderNoAttribute`
    pub const QUERY_NO_ATTRIBUTE: u32 = 0x8004_1103;
    /// `QueryBuilderBad_Condition`
    pub const QUERY_BAD_CONDITION: u32 = 0x8004_1106;
    /// `QueryBuilderAttribute_With_Aggregate`
    pub const QUERY_ATTRIBUTE_WITH_AGGREGATE: u32 = 0x8004_1107;
    /// `QueryBuilderInvalid_Value`
    pub const QUERY_INVALID_VALUE: u32 = 0x8004_1108;
    /// `QueryBuilderInvalid_Alias`
    pub const QUERY_INVALID_ALIAS: u32 = 0x8004_1109;
    /// `QueryBuilderAlias_Does_Not_Exist`
    pub const QUERY_ALIAS_DOES_NOT_EXIST: u32 = 0x8004_110A;
    /// `QueryBuilderNoAlias`
    pub const QUERY_NO_ALIAS: u32 = 0x8004_110B;
    /// `QueryBuilderValue_GreaterThanZero`
    pub const QUERY_VALUE_GREATER_THAN_ZERO: u32 = 0x8004_110C;
    /// `QueryBuilderDeserializeInvalidDistinct`
    pub const QUERY_INVALID_DISTINCT: u32 = 0x8004_1115;
    /// `QueryBuilderDeserializeInvalidMapping`
    pub const QUERY_INVALID_MAPPING: u32 = 0x8004_1116;
    /// `QueryBuilderDeserializeInvalidLinkType`
    pub const QUERY_INVALID_LINK_TYPE: u32 = 0x8004_1117;
    /// `QueryBuilderDeserializeInvalidNoLock`
    pub const QUERY_INVALID_NO_LOCK: u32 = 0x8004_1118;
    /// `QueryBuilderDeserializeInvalidDescending`
    pub const QUERY_INVALID_DESCENDING: u32 = 0x8004_1119;
    /// `QueryBuilderDeserializeInvalidAggregate`
    pub const QUERY_INVALID_AGGREGATE: u32 = 0x8004_111A;
    /// `QueryBuilderDeserializeInvalidNode`
    pub const QUERY_INVALID_NODE: u32 = 0x8004_111C;
    /// `QueryBuilderInvalidConditionOperator`
    pub const QUERY_INVALID_OPERATOR: u32 = 0x8004_1120;
    /// `QueryBuilderInvalidFilterType`
    pub const QUERY_INVALID_FILTER_TYPE: u32 = 0x8004_1122;
    /// `QueryBuilderElementNotFound`
    pub const QUERY_ELEMENT_NOT_FOUND: u32 = 0x8004_1123;
    /// `QueryBuilderLinkNodeForOrderNotFound`
    pub const QUERY_LINK_FOR_ORDER_NOT_FOUND: u32 = 0x8004_1126;
    /// `QueryBuilderEntitiesDontMatch`
    pub const QUERY_ENTITIES_DO_NOT_MATCH: u32 = 0x8004_1128;
    /// `QueryBuilderInvalidPagingCookie`
    pub const QUERY_INVALID_PAGING_COOKIE: u32 = 0x8004_112A;
    /// `QueryBuilderDeserializeInvalidGroupBy`
    pub const QUERY_INVALID_GROUP_BY: u32 = 0x8004_112E;
    /// `QueryBuilderInvalidAggregateAttribute`
    pub const QUERY_INVALID_AGGREGATE_ATTRIBUTE: u32 = 0x8004_112F;
    /// `QueryBuilderDuplicateAlias`
    pub const QUERY_DUPLICATE_ALIAS: u32 = 0x8004_1130;
    /// `QueryBuilderAttributeNotAllowedForAggregateOrderBy`
    pub const QUERY_ATTRIBUTE_IN_AGGREGATE_ORDER: u32 = 0x8004_1131;
    /// `QueryBuilderAliasNotAllowedForNonAggregateOrderBy`
    pub const QUERY_ALIAS_IN_ORDER: u32 = 0x8004_1132;
    /// `QueryBuilderAttributeRequiredForNonAggregateOrderBy`
    pub const QUERY_ORDER_NEEDS_ATTRIBUTE: u32 = 0x8004_1133;
    /// `QueryBuilderAliasRequiredForAggregateOrderBy`
    pub const QUERY_AGGREGATE_ORDER_NEEDS_ALIAS: u32 = 0x8004_1134;
    /// `QueryBuilderInvalidDateGrouping`
    pub const QUERY_INVALID_DATE_GROUPING: u32 = 0x8004_1135;
    /// `QueryBuilderAttributeCannotBeGroupByAndAggregate`
    pub const QUERY_GROUP_BY_AND_AGGREGATE: u32 = 0x8004_1137;
    /// `QueryBuilderSerializationInvalidIsQuickFindFilter`
    pub const QUERY_INVALID_QUICK_FIND: u32 = 0x8004_1138;
    /// `QueryBuilderInvalidAttributeValue`
    pub const QUERY_INVALID_ATTRIBUTE_VALUE: u32 = 0x8004_1139;
    /// `unManagedidssqltimeouterror`
    pub const SQL_TIMEOUT: u32 = 0x8004_4151;
    /// `OverRetrievalUpperLimitWithoutPagingCookie`
    pub const OVER_RETRIEVAL_LIMIT_WITHOUT_COOKIE: u32 = 0x8004_430A;
    /// `TooManyLinkEntitiesInQuery`
    pub const TOO_MANY_LINKS_IN_QUERY: u32 = 0x8004_430D;
    /// `TooManyConditionParametersInQuery`
    pub const TOO_MANY_VALUES_IN_QUERY: u32 = 0x8004_430E;
    /// `AggregateQueryRecordLimitExceeded`
    pub const AGGREGATE_LIMIT_EXCEEDED: u32 = 0x8004_E023;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::INVALID_FETCH_XML,
        name: "InvalidFetchXml",
        status: 400,
        explanation: "The document is no FetchXML: not well-formed, too large or too deep, or with an attribute that FetchXML does not have.",
        mend: "Read the message; it names the place.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_NO_ENTITY,
        name: "QueryBuilderNoEntity",
        status: 400,
        explanation: "The query names a table that the org does not have.",
        mend: "Use the table's logical name, in lower case and singular.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_NO_ATTRIBUTE,
        name: "QueryBuilderNoAttribute",
        status: 400,
        explanation: "The query names a column that the table does not have.",
        mend: "Use the column's logical name; a lookup's without _ and _value.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_BAD_CONDITION,
        name: "QueryBuilderBad_Condition",
        status: 400,
        explanation: "A condition has more or fewer values than its operator takes.",
        mend: "Give one value, or a value element for each of several.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ATTRIBUTE_WITH_AGGREGATE,
        name: "QueryBuilderAttribute_With_Aggregate",
        status: 400,
        explanation: "A query with aggregates shows a column that is neither grouped by nor aggregated.",
        mend: "Give the column groupby or aggregate, or take it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_VALUE,
        name: "QueryBuilderInvalid_Value",
        status: 400,
        explanation: "A value does not fit its column or attribute.",
        mend: "Read the message; it names the value.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_ALIAS,
        name: "QueryBuilderInvalid_Alias",
        status: 400,
        explanation: "An alias is empty or has characters that a name cannot have.",
        mend: "Begin it with a letter or _ and use letters, digits and _ only.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ALIAS_DOES_NOT_EXIST,
        name: "QueryBuilderAlias_Does_Not_Exist",
        status: 400,
        explanation: "The query refers to a link or column by an alias that nothing in it has.",
        mend: "Give the link-entity or attribute that alias.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_NO_ALIAS,
        name: "QueryBuilderNoAlias",
        status: 400,
        explanation: "An aggregated or grouped column has no alias.",
        mend: "Give it an alias; the answer is named by it.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_VALUE_GREATER_THAN_ZERO,
        name: "QueryBuilderValue_GreaterThanZero",
        status: 400,
        explanation: "A number that must be above zero is not.",
        mend: "Count pages and rows from 1.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_DISTINCT,
        name: "QueryBuilderDeserializeInvalidDistinct",
        status: 400,
        explanation: "The attribute distinct is neither true nor false.",
        mend: "Write distinct=\"true\".",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_MAPPING,
        name: "QueryBuilderDeserializeInvalidMapping",
        status: 400,
        explanation: "The attribute mapping is neither logical nor internal.",
        mend: "Write mapping=\"logical\" or leave it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_LINK_TYPE,
        name: "QueryBuilderDeserializeInvalidLinkType",
        status: 400,
        explanation: "A link-entity has a link-type that FetchXML does not have, or has it in a place where it cannot stand.",
        mend: "Use inner, outer, exists, in or matchfirstrowusingcrossapply; any, not any, all and not all stand inside a filter.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_NO_LOCK,
        name: "QueryBuilderDeserializeInvalidNoLock",
        status: 400,
        explanation: "The attribute no-lock is neither true nor false.",
        mend: "Leave it out; it has no effect any more.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_DESCENDING,
        name: "QueryBuilderDeserializeInvalidDescending",
        status: 400,
        explanation: "The attribute descending is neither true nor false.",
        mend: "Write descending=\"true\" or leave it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_AGGREGATE,
        name: "QueryBuilderDeserializeInvalidAggregate",
        status: 400,
        explanation: "The attribute aggregate is not what it can be in its place.",
        mend: "On fetch it is true or false; on attribute sum, avg, min, max, count or countcolumn.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_NODE,
        name: "QueryBuilderDeserializeInvalidNode",
        status: 400,
        explanation: "An element, or a text, stands where FetchXML has none of that name.",
        mend: "Compare the document with the FetchXML reference; element and attribute names are lower case.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_OPERATOR,
        name: "QueryBuilderInvalidConditionOperator",
        status: 400,
        explanation: "A condition has an operator that FetchXML does not have, or that its column does not take.",
        mend: "Look the operator up in the FetchXML reference.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_FILTER_TYPE,
        name: "QueryBuilderInvalidFilterType",
        status: 400,
        explanation: "A filter's type is neither and nor or.",
        mend: "Write type=\"and\" or type=\"or\".",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ELEMENT_NOT_FOUND,
        name: "QueryBuilderElementNotFound",
        status: 400,
        explanation: "The document lacks an element or attribute that it must have.",
        mend: "Read the message; it names what is missing.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_LINK_FOR_ORDER_NOT_FOUND,
        name: "QueryBuilderLinkNodeForOrderNotFound",
        status: 400,
        explanation: "An order names a link-entity that the query does not have.",
        mend: "Use the alias of a link-entity in entityname.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ENTITIES_DO_NOT_MATCH,
        name: "QueryBuilderEntitiesDontMatch",
        status: 400,
        explanation: "The document asks for rows of another table than the address.",
        mend: "Send it to the entity set of the table in its entity element.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_PAGING_COOKIE,
        name: "QueryBuilderInvalidPagingCookie",
        status: 400,
        explanation: "The paging cookie is not one of this org's, or belongs to another query.",
        mend: "Send the cookie of the page before unchanged, with the same query.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_GROUP_BY,
        name: "QueryBuilderDeserializeInvalidGroupBy",
        status: 400,
        explanation: "The attribute groupby is neither true nor false.",
        mend: "Write groupby=\"true\".",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_AGGREGATE_ATTRIBUTE,
        name: "QueryBuilderInvalidAggregateAttribute",
        status: 400,
        explanation: "The aggregate cannot be made of a column of this kind.",
        mend: "Sums and averages need numbers; look at the column's type.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_DUPLICATE_ALIAS,
        name: "QueryBuilderDuplicateAlias",
        status: 400,
        explanation: "Two parts of the query have the same alias.",
        mend: "Give each its own.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ATTRIBUTE_IN_AGGREGATE_ORDER,
        name: "QueryBuilderAttributeNotAllowedForAggregateOrderBy",
        status: 400,
        explanation: "A query with aggregates is ordered by a column.",
        mend: "Order it by an alias.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ALIAS_IN_ORDER,
        name: "QueryBuilderAliasNotAllowedForNonAggregateOrderBy",
        status: 400,
        explanation: "A query without aggregates is ordered by an alias.",
        mend: "Order it by an attribute.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_ORDER_NEEDS_ATTRIBUTE,
        name: "QueryBuilderAttributeRequiredForNonAggregateOrderBy",
        status: 400,
        explanation: "An order names no column.",
        mend: "Give it an attribute.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_AGGREGATE_ORDER_NEEDS_ALIAS,
        name: "QueryBuilderAliasRequiredForAggregateOrderBy",
        status: 400,
        explanation: "An order of a query with aggregates names no alias.",
        mend: "Give it an alias of one of the query's attributes.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_DATE_GROUPING,
        name: "QueryBuilderInvalidDateGrouping",
        status: 400,
        explanation: "A date is grouped by something that is no part of a date, or dategrouping stands at a column without dates.",
        mend: "Use day, week, month, quarter, year, fiscal-period or fiscal-year.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_GROUP_BY_AND_AGGREGATE,
        name: "QueryBuilderAttributeCannotBeGroupByAndAggregate",
        status: 400,
        explanation: "One attribute is both grouped by and aggregated.",
        mend: "Write two attributes with an alias each.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_QUICK_FIND,
        name: "QueryBuilderSerializationInvalidIsQuickFindFilter",
        status: 400,
        explanation: "The attribute isquickfindfields is neither true nor false.",
        mend: "Write isquickfindfields=\"1\" or leave it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::QUERY_INVALID_ATTRIBUTE_VALUE,
        name: "QueryBuilderInvalidAttributeValue",
        status: 400,
        explanation: "An attribute of the document has a value that it cannot have.",
        mend: "Read the message; it names the attribute.",
        who: Who::Program,
    },
    KnownError {
        code: code::SQL_TIMEOUT,
        name: "unManagedidssqltimeouterror",
        status: 500,
        explanation: "The query takes more work than any may.",
        mend: "Join fewer tables, filter by columns with an index, or ask for less at once.",
        who: Who::Program,
    },
    KnownError {
        code: code::OVER_RETRIEVAL_LIMIT_WITHOUT_COOKIE,
        name: "OverRetrievalUpperLimitWithoutPagingCookie",
        status: 400,
        explanation: "A page beyond the first 50,000 rows is asked for by its number alone.",
        mend: "Send the paging cookie of the page before.",
        who: Who::Program,
    },
    KnownError {
        code: code::TOO_MANY_LINKS_IN_QUERY,
        name: "TooManyLinkEntitiesInQuery",
        status: 400,
        explanation: "The query joins more tables than the service takes.",
        mend: "Ask in several requests.",
        who: Who::Program,
    },
    KnownError {
        code: code::TOO_MANY_VALUES_IN_QUERY,
        name: "TooManyConditionParametersInQuery",
        status: 400,
        explanation: "A condition has more values than the service takes.",
        mend: "Ask in several requests.",
        who: Who::Program,
    },
    KnownError {
        code: code::AGGREGATE_LIMIT_EXCEEDED,
        name: "AggregateQueryRecordLimitExceeded",
        status: 400,
        explanation: "The aggregates would be made of more than 50,000 rows.",
        mend: "Narrow the filter, or aggregate parts of the time and add them up.",
        who: Who::Program,
    },
];
