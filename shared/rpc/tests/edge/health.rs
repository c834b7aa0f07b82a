//! Health and reflection, open to everybody.

use dossier_rpc::ServingStatus;
use futures::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus as Wire;
use tonic_health::pb::health_client::HealthClient;

use crate::details::refused;
use crate::echo::SERVICE;
use crate::rig::Rig;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn health_answers_per_service_and_changes_are_watched() {
    let rig = Rig::start().await;
    rig.health.set(SERVICE, ServingStatus::NotServing);
    let mut client = HealthClient::new(rig.connect().await);
    let mut changes = client.watch(of("")).await.expect("begins").into_inner();
    for (status, wire) in [
        (None, Wire::NotServing),
        (Some(ServingStatus::Serving), Wire::Serving),
        (Some(ServingStatus::NotServing), Wire::NotServing),
    ] {
        if let Some(status) = status {
            rig.health.set(SERVICE, status);
        }
        let seen = changes.message().await.expect("a change").expect("one");
        assert_eq!(seen.status(), wire);
        let answer = client
            .check(of(SERVICE))
            .await
            .expect("answers")
            .into_inner();
        assert_eq!(answer.status(), wire);
    }
    let status = client.check(of("nobody")).await.expect_err("unknown");
    refused(&status, Code::NotFound, "NOT_FOUND");
    let mut unknown = client
        .watch(of("nobody"))
        .await
        .expect("begins")
        .into_inner();
    let seen = unknown.message().await.expect("an item").expect("one");
    assert_eq!(seen.status(), Wire::ServiceUnknown);
}

#[tokio::test]
async fn a_new_server_does_not_serve_yet() {
    let key = crate::access::signing_key();
    let server = dossier_rpc::Server::new(
        crate::access::edge(&key),
        vec![dossier_rpc::Part {
            services: &[SERVICE],
            routes: tonic::service::Routes::new(crate::echo::EchoServer),
        }],
    )
    .expect("assembles");
    assert!(!server.health().is_serving());
}

#[tokio::test]
async fn both_reflections_list_what_is_served_and_show_the_contract() {
    let rig = Rig::start().await;
    macro_rules! reflect {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            let ask = |request| ServerReflectionRequest {
                host: String::new(),
                message_request: Some(request),
            };
            let requests = futures::stream::iter([
                ask(MessageRequest::ListServices(String::new())),
                ask(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
            ]);
            let answers: Vec<_> = ServerReflectionClient::new(rig.connect().await)
                .server_reflection_info(requests)
                .await
                .expect("begins")
                .into_inner()
                .map(|answer| {
                    answer
                        .expect("answers")
                        .message_response
                        .expect("something")
                })
                .collect()
                .await;
            let [MessageResponse::ListServicesResponse(list), file] = answers.as_slice() else {
                panic!("another answer");
            };
            let names: Vec<&str> = list.service.iter().map(|each| each.name.as_str()).collect();
            assert!(names.contains(&SERVICE) && names.contains(&"grpc.health.v1.Health"));
            assert!(matches!(file, MessageResponse::FileDescriptorResponse(_)));
        }};
    }
    reflect!(v1);
    reflect!(v1alpha);
}

#[tokio::test]
async fn reflection_can_be_off() {
    let rig = Rig::with(|edge| edge.reflection = false).await;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    let mut client = ServerReflectionClient::new(rig.connect().await);
    let status = client
        .server_reflection_info(futures::stream::empty())
        .await
        .expect_err("off");
    refused(&status, Code::Unimplemented, "UNIMPLEMENTED");
}
